// A person's wish to be forgotten, from the command line or over HTTP: the number and all that hangs on it go, but that
// an opt-out holds. New data about the same number is new data; this is no block list.

import { VolleyError } from "../domain/errors.ts";
import type { PhoneNumber } from "../domain/phone-number.ts";
import type { Erasure } from "../ledger/erase.ts";
import type { Ledger } from "../ledger/ledger.ts";

export type ErasePersonParts = {
  readonly ledger: Pick<Ledger, "erase"> & { readonly suppressions: Pick<Ledger["suppressions"], "forget"> };
};

/** Throws while something is in flight; what could be erased is erased by then, and the next call does the rest. */
export async function erasePerson({ ledger }: ErasePersonParts, number: PhoneNumber): Promise<Erasure> {
  await ledger.suppressions.forget(number);
  const erasure = await ledger.erase(number);
  if (erasure.inFlight > 0) {
    throw new VolleyError(
      "state_conflict",
      "Cannot erase everything yet: a message to this person is being sent, or a report about one is being read. What could be erased is gone. Try again in a minute.",
      { details: { inFlight: erasure.inFlight } },
    );
  }
  return erasure;
}
