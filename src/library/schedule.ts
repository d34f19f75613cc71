// Times, as programs have them.

/** When something is to be sent. */
export type Schedule = {
  /** An instant ("2026-12-24T09:00+01:00", or a Date), or a local time in `timeZone` ("2026-12-24T09:00"). */
  readonly sendAt?: string | Date;
  /** An IANA name, or "recipient": that of each number's country. */
  readonly timeZone?: string;
};

/** A Date is an instant, whatever the zone. */
export function written(time: string | Date): string;
export function written(time: string | Date | undefined): string | undefined;
export function written(time: string | Date | undefined): string | undefined {
  return time instanceof Date ? time.toISOString() : time;
}
