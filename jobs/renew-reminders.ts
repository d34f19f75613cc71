// The step beside release-due: recurring reminders whose time has come get their next occurrence.
//
// A process that dies midway leaves reminders whose next occurrence is not made; whoever runs next makes it. Two at
// once renew different ones (ledger/renew-reminders.ts).

import type { Ledger } from "../src/ledger/ledger.ts";
import type { PlanNext } from "../src/ledger/renew-reminders.ts";

export type RenewRemindersParts = {
  readonly ledger: Pick<Ledger, "reminders">;
  readonly planNextOccurrence: PlanNext;
};

/** Of one transaction. Planning them is work of this process, during which it does nothing else. */
const REMINDERS_MAX = 100;
/** After this long the step gives way. */
const TURN_MS = 10_000;

export async function renewReminders({ ledger, planNextOccurrence }: RenewRemindersParts): Promise<void> {
  const endsAtMs = performance.now() + TURN_MS;
  while (performance.now() < endsAtMs) {
    const renewed = await ledger.reminders.renewDue(REMINDERS_MAX, planNextOccurrence);
    if (renewed < REMINDERS_MAX) return;
  }
}
