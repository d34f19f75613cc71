// How far ahead slots must lie so that their callers can still use them.
//
// Between the engine's now and the call lie the way back, a busy event loop and the commit of the attempt.
// Without a lead a slot of a free account is always past when its caller gets there, and he would have to
// ask again, for ever on a slow engine. The lead is learned from how early or late callers come.

/** At a lead beyond this the process is in deeper trouble than a limiter can mend. */
const LEAD_MS_MAX = 2_000;
/** What the first late caller adds; the next ones double it until they come in time. */
const RISE_MS = 10;
/** How much of the way down one early caller goes; slow, for a lead too short costs a round trip. */
const FALL_SHARE = 0.02;

export type Lead = {
  readonly now: () => number;
  /** A caller of a slot that was asked with `leadMs` came so late; negative: so early. */
  readonly learn: (slot: { readonly leadMs: number }, lateMs: number) => void;
};

export function createLead(): Lead {
  let leadMs = 0;
  return {
    now: () => leadMs,
    learn(slot, lateMs) {
      const neededMs = Math.max(0, slot.leadMs + lateMs);
      // Doubled from the slot's own lead: many callers that one hiccup made late are one lesson.
      if (lateMs > 0) leadMs = Math.max(leadMs, Math.min(neededMs, slot.leadMs * 2 + RISE_MS, LEAD_MS_MAX));
      else leadMs -= Math.max(0, leadMs - neededMs) * FALL_SHARE;
    },
  };
}
