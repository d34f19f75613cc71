// The reports of one kind about one request: a place in the list of its people, and nothing for each of them.
//
// Everything that a report says follows from the order, the seed and the settings of the moment when it was taken,
// so a report that is repeated is written again instead of being kept: a million of them wait in a few lists.

import type { Verdicts } from "./report-counts.ts";
import { DELIVERED, type Fate, fateOf, PENDING, type ReportOrder } from "./report-order.ts";
import type { Target } from "./report-poster.ts";
import type { ReportSettings } from "./report-settings.ts";

export type Stage = "pending" | "final" | "stray";

export type Fan = {
  readonly order: ReportOrder;
  readonly target: Target;
  readonly url: string;
  readonly stage: Stage;
  /** As they were when the request was taken. */
  readonly settings: ReportSettings;
  readonly seed: number;
  /** How many reports there are. */
  readonly size: number;
  /** When it happened that is reported: set when the reports are due. */
  atMs: number;
  /** The first report that is in no POST yet. */
  next: number;
  /** Reports whose POST has not been answered for the first time. */
  unanswered: number;
  readonly whenAnswered: () => void;
};

/** Some reports of a fan, one after the other. */
export type Slice = { readonly fan: Fan; readonly from: number; readonly to: number };

export function sizeOf(order: ReportOrder, stage: Stage, settings: ReportSettings): number {
  if (stage === "stray") return settings.strays;
  return order.writeAll === undefined ? order.recipients.length : 1;
}

/** In the order in which they are reported. */
export function stagesOf(order: ReportOrder, settings: ReportSettings): readonly Stage[] {
  const isTold = order.intermediate && order.writeAll === undefined;
  const stages: Stage[] = isTold ? ["pending", "final"] : ["final"];
  if (settings.reversed) stages.reverse();
  if (settings.strays > 0) stages.push("stray");
  return stages;
}

export function takeSlice(fan: Fan, reportsMax: number): Slice {
  const from = fan.next;
  fan.next = Math.min(fan.size, from + reportsMax);
  return { fan, from, to: fan.next };
}

export function writeSlice({ fan, from, to }: Slice, into: string[]): void {
  const { order, atMs } = fan;
  for (let place = from; place < to; place += 1) {
    if (fan.stage === "stray") into.push(order.writeStray(atMs));
    else if (order.writeAll !== undefined) into.push(order.writeAll(allFates(fan), atMs));
    else {
      const index = indexAt(fan, place);
      into.push(order.write(index, fan.stage === "pending" ? PENDING : fateAt(fan, index), atMs));
    }
  }
}

/** What the final reports of the slice say; nothing for other stages. */
export function countVerdicts({ fan, from, to }: Slice): Verdicts {
  if (fan.stage !== "final") return { delivered: 0, undelivered: 0 };
  if (fan.order.writeAll !== undefined) {
    const delivered = allFates(fan).filter((fate) => fate === DELIVERED).length;
    return { delivered, undelivered: fan.order.recipients.length - delivered };
  }
  let delivered = 0;
  for (let place = from; place < to; place += 1) {
    if (fateAt(fan, indexAt(fan, place)) === DELIVERED) delivered += 1;
  }
  return { delivered, undelivered: to - from - delivered };
}

function indexAt({ settings, size }: Fan, place: number): number {
  return settings.reversed ? size - 1 - place : place;
}

function allFates(fan: Fan): readonly Fate[] {
  return fan.order.recipients.map((_digits, index) => fateAt(fan, index));
}

function fateAt({ order, seed, settings }: Fan, index: number): Fate {
  if (order.isDoomed?.(index) === true) return { kind: "undelivered", roll: 0 };
  return fateOf(order.recipients[index] ?? "", { seed, share: settings.undeliveredShare });
}
