// What each recipient of a Sinch batch reads: `${key}` in the body gives way to the recipient's own value.
//
//   https://developers.sinch.com/docs/sms/api-reference (Batches) and sinch/docs, docs/sms    [api]
//   recipient's value, else the key's `default`, else the message fails with code 405 while the others go on.
// ASSUMED: a placeholder whose key is not among the parameters stays as it is; values are not expanded again.

import { digitsOf } from "./faults.ts";

export type Parameters = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** [api] Up to 16 of these; the case of letters counts. */
const PLACEHOLDER = /\$\{([A-Za-z0-9._-]{1,16})\}/g;

/** Takes a number in digits only; gives null for a recipient who lacks a value. */
export function createTextOf(body: string, parameters: Parameters): (digits: string) => string | null {
  const parts: string[] = [];
  const values: ReadonlyMap<string, string>[] = [];
  let from = 0;
  for (const match of body.matchAll(PLACEHOLDER)) {
    const key = match[1] ?? "";
    if (!Object.hasOwn(parameters, key)) continue;
    parts.push(body.slice(from, match.index));
    values.push(byDigits(parameters[key] ?? {}));
    from = match.index + match[0].length;
  }
  const tail = body.slice(from);
  if (values.length === 0) return () => body;
  return (digits) => {
    let text = "";
    for (const [index, value] of values.entries()) {
      const own = value.get(digits) ?? value.get("default");
      if (own === undefined) return null;
      text += (parts[index] ?? "") + own;
    }
    return text + tail;
  };
}

/** Numbers may stand there with `+`, `00` or neither, as in `to`. */
function byDigits(values: Readonly<Record<string, string>>): ReadonlyMap<string, string> {
  return new Map(Object.entries(values).map(([number, value]) => [digitsOf(number), value]));
}
