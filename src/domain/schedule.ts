// How late is too late, and how far ahead is a mistake.

/** What comes later than this after its time is not sent by itself: nobody wants last night's reminder. */
export const LATE_MS_MAX = 4 * 3_600_000;
/** A typed year that is one too many should not wait for it. */
export const AHEAD_MS_MAX = 400 * 86_400_000;
/** A time may lie this far back, or a clock that is a little behind would make every "now" a fault. */
export const PAST_MS_MAX = 60_000;
