// What may be done about an attempt that may have sent its message: ask the provider, or follow the class.
//
//   provider can be asked   asked at each time of `lookUpAfterMs`; found = accepted; absent at the last = again
//   it cannot               transactional: sent again after a wait (at least once); others: never (at most once)

import type { UnknownPolicy } from "./account.ts";
import type { MessageClass } from "./message.ts";

export type UnknownRules = {
  /** Empty: the provider cannot be asked. */
  readonly lookUpAfterMs: readonly number[];
  readonly resendTransactionalAfterMs: number;
};

/** A provider that gives no answer is asked this long before the unknown is left to a person. */
export const LOOK_UP_PATIENCE_MS = 24 * 3_600_000;

export function unknownRules(policy: UnknownPolicy, canBeAsked: boolean): UnknownRules {
  return {
    lookUpAfterMs: canBeAsked ? policy.lookUpAfterSeconds.map((seconds) => seconds * 1000) : [],
    resendTransactionalAfterMs: policy.resendTransactionalAfterSeconds * 1000,
  };
}

/** From the moment it became unknown to the first thing that can be done; null: nothing but evidence helps. */
export function unknownWaits(rules: UnknownRules): Readonly<Record<MessageClass, number | null>> {
  const lookUp = rules.lookUpAfterMs[0] ?? null;
  return { transactional: lookUp ?? rules.resendTransactionalAfterMs, reminder: lookUp, marketing: lookUp };
}
