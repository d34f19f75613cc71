// One body on its way to a receiver, however often it is sent: the reports that share a POST, or one inbound SMS.
//
// Its copies are tried and repeated each for itself; the book counts its messages once, by the first 2xx, or as lost
// when the last copy is.

import type { Fifo } from "./fifo.ts";
import type { ReportBook, Verdicts } from "./report-counts.ts";
import { countVerdicts, type Fan, type Slice, takeSlice, writeSlice } from "./report-fan.ts";
import type { Lost, ReportWire } from "./report-order.ts";
import type { Target } from "./report-poster.ts";
import type { ReportSettings } from "./report-settings.ts";

export type Job = {
  readonly target: Target;
  /** The reports; none for an inbound SMS. */
  readonly slices: readonly Slice[];
  /** Null: the reports are written anew for each try. */
  readonly text: string | null;
  readonly book: ReportBook;
  readonly authorization: string | null;
  readonly retryScale: number;
  /** Hears the last try's status; null: no answer. */
  readonly whenOver: ((status: number | null) => void) | null;
  copiesLeft: number;
  isAnswered: boolean;
  isTaken: boolean;
};

export type Copy = { readonly job: Job; tries: number };

export function createReportJob(slices: readonly Slice[], first: Fan, book: ReportBook): Job {
  const { authorization, retryScale, copies: copiesLeft } = first.settings;
  const fresh = { text: null, whenOver: null, isAnswered: false, isTaken: false };
  return { target: first.target, slices, book, authorization, retryScale, copiesLeft, ...fresh };
}

export function createTextJob(
  text: string,
  to: { readonly target: Target; readonly book: ReportBook; readonly settings: ReportSettings },
  whenOver: (status: number | null) => void,
): Job {
  const { authorization, retryScale } = to.settings;
  const { target, book } = to;
  const fresh = { copiesLeft: 1, isAnswered: false, isTaken: false };
  return { target, slices: [], text, book, authorization, retryScale, whenOver, ...fresh };
}

/** As many reports as fit, from as many fans as it takes. */
export function gatherSlices(queue: Fifo<Fan>, reportsMax: number): readonly Slice[] {
  const slices: Slice[] = [];
  let room = reportsMax;
  for (let fan = queue.peek(); fan !== undefined && room > 0; fan = queue.peek()) {
    const slice = takeSlice(fan, room);
    slices.push(slice);
    room -= slice.to - slice.from;
    if (fan.next === fan.size) queue.shift();
  }
  return slices;
}

export function writeJob({ text, slices }: Job, wire: ReportWire): string {
  if (text !== null) return text;
  const items: string[] = [];
  for (const slice of slices) writeSlice(slice, items);
  return wire.wrap(items);
}

export function recordTaken(job: Job): void {
  if (job.isTaken) return;
  job.isTaken = true;
  if (job.text === null) job.book.addReported(sumVerdicts(job.slices));
  else job.book.addInbound();
}

export function recordLost(job: Job, why: Lost): void {
  if (job.copiesLeft > 0 || job.isTaken) return;
  const { delivered, undelivered } = sumVerdicts(job.slices);
  job.book.addLost(why, delivered + undelivered);
}

function sumVerdicts(slices: readonly Slice[]): Verdicts {
  let [delivered, undelivered] = [0, 0];
  for (const slice of slices) {
    const verdicts = countVerdicts(slice);
    delivered += verdicts.delivered;
    undelivered += verdicts.undelivered;
  }
  return { delivered, undelivered };
}
