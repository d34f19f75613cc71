// [1] Which column of a CSV file holds the phone numbers: the one that was named, or the one that is plainly it.

import { listHeaders } from "./csv.ts";

export type PhoneColumn =
  | { readonly ok: true; readonly column: number }
  | { readonly ok: false; readonly reason: string };

/** In order of preference: "number" may be a customer's, and "to" a city. */
const KNOWN_NAMES = [
  "phone",
  "phonenumber",
  "mobile",
  "mobilephone",
  "mobilenumber",
  "msisdn",
  "cell",
  "cellphone",
  "tel",
  "telephone",
  "telephonenumber",
  "telefon",
  "mobil",
  "number",
  "recipient",
  "to",
];

export function findPhoneColumn(headers: readonly string[], wanted?: string): PhoneColumn {
  if (wanted !== undefined) {
    const exact = headers.indexOf(wanted.trim());
    const column = exact >= 0 ? exact : headers.findIndex((header) => plain(header) === plain(wanted));
    if (column >= 0) return { ok: true, column };
    return {
      ok: false,
      reason: `The file has no column ${JSON.stringify(wanted)}; it has ${listHeaders(headers)}.`,
    };
  }
  for (const name of KNOWN_NAMES) {
    const column = headers.findIndex((header) => plain(header) === name);
    if (column >= 0) return { ok: true, column };
  }
  return {
    ok: false,
    reason:
      `No column of the file is plainly the phone number; it has ${listHeaders(headers)}. ` +
      "Name the column with --column. The first row must hold the names.",
  };
}

function plain(header: string): string {
  return header.toLowerCase().replaceAll(/[\s_.-]/g, "");
}
