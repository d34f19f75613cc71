// `volley opt-out ...`: who opted out, by hand, and what a person has to decide about.

import { VolleyError } from "../domain/errors.ts";
import { type PhoneNumber, parseCountry, parsePhoneNumber } from "../domain/phone-number.ts";
import { characterFault } from "../domain/text-check.ts";
import type { LedgerParts } from "../ledger-parts.ts";
import { grouped, hideNumbers, printJson, printTable, say } from "./output.ts";
import { type GlobalOptions, withLedger } from "./run.ts";

export type AddOptions = GlobalOptions & {
  readonly country?: string;
  readonly reason: string;
  readonly json?: boolean;
};

export type ListOptions = GlobalOptions & {
  readonly review?: boolean;
  readonly limit: number;
  readonly json?: boolean;
};

const REASON_CHARACTERS_MAX = 200;
/** Ours are counted from 1, and Postgres counts no further than 19 digits. */
const REVIEW_ID_FORM = /^\d{1,18}$/;

export async function addOptOut(text: string, options: AddOptions): Promise<void> {
  const number = phoneNumber(text, options.country);
  const reason = checkReason(options.reason);
  await withLedger(options, async ({ ledger }) => {
    const { added, suppressed } = await ledger.suppressions.add([
      { number, reason, source: "person", at: null },
    ]);
    if (options.json) return printJson({ added: added === 1, suppressed });
    say(
      `${added === 1 ? "Opted out." : "This person had opted out before."} ${takenBack(suppressed)}`.trimEnd(),
    );
  });
}

export async function removeOptOut(
  text: string,
  options: GlobalOptions & { readonly country?: string },
): Promise<void> {
  const number = phoneNumber(text, options.country);
  await withLedger(options, async ({ ledger }) => {
    if (!(await ledger.suppressions.remove(number))) {
      throw new VolleyError("not_found", "This person has not opted out. See: volley opt-out list");
    }
    say("Removed. The person can be written to again; messages that were suppressed stay so.");
  });
}

export async function listOptOuts(options: ListOptions): Promise<void> {
  await withLedger(options, (parts) => (options.review ? listReviews : listPeople)(parts, options));
}

async function listPeople({ ledger }: LedgerParts, { limit, json }: ListOptions): Promise<void> {
  const optOuts = (await ledger.suppressions.list({ limit }))?.optOuts ?? [];
  if (json) return printJson(optOuts);
  printTable(
    ["NUMBER", "SOURCE", "REASON", "SINCE"],
    optOuts.map((one) => [one.number ?? "(erased)", one.source, one.reason, one.createdAt.toISOString()]),
  );
  const counts = Object.entries(await ledger.suppressions.counts());
  const total = counts.reduce((sum, [, people]) => sum + people, 0);
  const sources = counts.map(([source, people]) => `${source} ${grouped(people)}`).join(", ");
  say(total === 0 ? "Nobody has opted out." : `${grouped(total)} in all: ${sources}.`);
}

async function listReviews({ ledger }: LedgerParts, { limit, json }: ListOptions): Promise<void> {
  const reviews = await ledger.suppressions.reviews({ limit });
  if (json) return printJson(reviews);
  printTable(
    ["ID", "FROM", "ACCOUNT", "RECEIVED", "TEXT"],
    reviews.map((one) => [one.id, one.from, one.account, one.receivedAt.toISOString(), one.text]),
  );
}

export async function dismissReview(id: string, options: GlobalOptions): Promise<void> {
  if (!REVIEW_ID_FORM.test(id)) {
    throw new VolleyError(
      "usage",
      `"${hideNumbers(id)}" is not a message's id. See: volley opt-out list --review`,
    );
  }
  await withLedger(options, async ({ ledger }) => {
    if (!(await ledger.suppressions.dismissReview(id))) {
      throw new VolleyError("not_found", "No such message waits. See: volley opt-out list --review");
    }
    say("Dismissed.");
  });
}

export function checkReason(reason: string): string {
  const fault = characterFault(reason);
  if (fault !== null) throw new VolleyError("usage", `--reason ${fault}.`);
  if (reason.trim() === "" || reason.length > REASON_CHARACTERS_MAX) {
    throw new VolleyError("usage", `--reason must have 1 to ${REASON_CHARACTERS_MAX} characters.`);
  }
  return reason;
}

export function takenBack(messages: number): string {
  return messages === 0 ? "" : `${grouped(messages)} waiting message${messages === 1 ? "" : "s"} suppressed.`;
}

export function phoneNumber(text: string, countryCode: string | undefined): PhoneNumber {
  const country = countryCode === undefined ? undefined : parseCountry(countryCode);
  if (country?.ok === false) throw new VolleyError("usage", `--country: ${country.reason}`);
  const phone = parsePhoneNumber(text, country?.country);
  if (!phone.ok) throw new VolleyError("usage", phone.reason);
  return phone.number;
}
