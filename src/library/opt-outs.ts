// `volley.optOuts`: people who are to get nothing any more.

import { VolleyError } from "../domain/errors.ts";
import { type PhoneNumber, parsePhoneNumber } from "../domain/phone-number.ts";
import type { Parts } from "../parts.ts";

export type OptOuts = {
  /** When it resolves, nothing that has not left yet will leave. */
  readonly add: (number: string, reason?: string) => Promise<void>;
  /** False: this person had not opted out. */
  readonly remove: (number: string) => Promise<boolean>;
};

const REASON = "added-by-program";

export function createOptOuts({ ledger: { suppressions } }: Parts): OptOuts {
  return {
    async add(number, reason = REASON) {
      await suppressions.add([{ number: numberOf(number), reason, source: "person", at: null }]);
    },
    remove: (number) => suppressions.remove(numberOf(number)),
  };
}

function numberOf(text: string): PhoneNumber {
  const reading = parsePhoneNumber(text);
  if (!reading.ok) throw new VolleyError("usage", reading.reason);
  return reading.number;
}
