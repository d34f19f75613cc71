// What one simulated provider saw and took: the witness that tests and audits ask.
//
// Exact, and lean enough for a million recipients: one counter each, and five plain number columns for the
// calls. Texts and the recipients of single calls are kept only with `keepDetails`.

import { createPeakMeter, type Peak } from "./rate-window.ts";
import { createWaiting } from "./waiting.ts";

export type CallRecord = {
  /** When the request had arrived whole, by the simulator's own clock. */
  readonly atMs: number;
  readonly reference: string | null;
  /** How many recipients and segments it named; 0 when it could not be read so far. */
  readonly recipients: number;
  readonly segments: number;
  /** Null: it was never answered. */
  readonly status: number | null;
  /** At least one of the recipients was taken. */
  readonly accepted: boolean;
  /** A request that had been taken before was answered again. */
  readonly replay: boolean;
  /** The recipients themselves, digits only; null without `keepDetails`. */
  readonly numbers: readonly string[] | null;
};

export type Duplicate = { readonly recipient: string; readonly count: number };

export type Journal = {
  readonly record: (call: {
    readonly atMs: number;
    readonly reference: string | null;
    readonly recipients: readonly string[];
    readonly segments: number;
    readonly status: number | null;
    readonly accepted: boolean;
    /** Indexes of recipients who were refused in an accepted call; null: nobody. */
    readonly refused: ReadonlySet<number> | null;
    readonly replay: boolean;
    readonly textOf: ((index: number) => string | null) | null;
  }) => void;
  readonly recordLookUp: () => void;
  /** Messages, not requests. */
  readonly accepted: () => number;
  readonly acceptedPerRecipient: () => ReadonlyMap<string, number>;
  /** Calls that named a recipient and were not accepted; with the accepted ones, all calls it ever had. */
  readonly refusedPerRecipient: () => ReadonlyMap<string, number>;
  /** How often each client reference was accepted. */
  readonly acceptedPerReference: () => ReadonlyMap<string, number>;
  /** Null stands for a message that was accepted and can never be sent. */
  readonly texts: (recipient: string) => readonly (string | null)[];
  readonly calls: () => readonly CallRecord[];
  readonly callCount: () => number;
  readonly callsByStatus: () => Readonly<Record<string, number>>;
  readonly lookUps: () => number;
  readonly peak: () => Peak;
  /** Recipients that were accepted more than once. */
  readonly duplicates: () => readonly Duplicate[];
  /** Messages accepted beyond the first of their recipient. */
  readonly duplicateCount: () => number;
  /** Settles when so many calls have been recorded since the last reset. */
  readonly untilCalls: (count: number) => Promise<void>;
  readonly untilAccepted: (count: number) => Promise<void>;
  readonly reset: () => void;
};

/** In the status column: the call was never answered. */
const NO_ANSWER = 0;

export function createJournal(options: { readonly keepDetails: boolean }): Journal {
  const peaks = createPeakMeter();
  const waiting = createWaiting();
  let book = createBook();

  return {
    record: ({ atMs, reference, recipients, segments, status, accepted, refused, replay, textOf }) => {
      peaks.see(atMs, recipients.length, segments);
      book.times.push(atMs);
      book.references.push(reference);
      book.recipients.push(recipients.length);
      book.segments.push(segments);
      book.statuses.push(status ?? NO_ANSWER);
      book.accepted.push(accepted ? 1 : 0);
      if (options.keepDetails) book.numbers.push(recipients);
      if (replay) book.replays.add(book.times.length - 1);
      if (accepted) accept(book, recipients, refused, options.keepDetails ? textOf : null);
      else for (const recipient of recipients) addOne(book.refusedPerRecipient, recipient);
      waiting.notify();
    },
    recordLookUp: () => {
      book.lookUps += 1;
    },
    accepted: () => book.acceptedCount,
    acceptedPerRecipient: () => book.acceptedPerRecipient,
    refusedPerRecipient: () => book.refusedPerRecipient,
    acceptedPerReference: () => countReferences(book),
    texts: (recipient) => book.texts.get(recipient) ?? [],
    calls: () => readCalls(book, options.keepDetails),
    callCount: () => book.times.length,
    callsByStatus: () => countStatuses(book.statuses),
    lookUps: () => book.lookUps,
    peak: peaks.peak,
    duplicates: () => {
      const found: Duplicate[] = [];
      for (const [recipient, count] of book.acceptedPerRecipient) {
        if (count > 1) found.push({ recipient, count });
      }
      return found;
    },
    duplicateCount: () => book.acceptedCount - book.acceptedPerRecipient.size,
    untilCalls: (count) => waiting.until(() => book.times.length >= count),
    untilAccepted: (count) => waiting.until(() => book.acceptedCount >= count),
    reset: () => {
      book = createBook();
      peaks.clear();
    },
  };
}

type Book = {
  acceptedCount: number;
  lookUps: number;
  readonly acceptedPerRecipient: Map<string, number>;
  readonly refusedPerRecipient: Map<string, number>;
  readonly texts: Map<string, (string | null)[]>;
  // One entry per call, side by side: an object each would cost three times as much at a million calls.
  readonly times: number[];
  readonly references: (string | null)[];
  readonly recipients: number[];
  readonly segments: number[];
  readonly statuses: number[];
  readonly accepted: number[];
  readonly numbers: (readonly string[])[];
  /** Their places in the columns: few calls are replays. */
  readonly replays: Set<number>;
};

function createBook(): Book {
  return {
    acceptedCount: 0,
    lookUps: 0,
    acceptedPerRecipient: new Map(),
    refusedPerRecipient: new Map(),
    texts: new Map(),
    times: [],
    references: [],
    recipients: [],
    segments: [],
    statuses: [],
    accepted: [],
    numbers: [],
    replays: new Set(),
  };
}

function accept(
  book: Book,
  recipients: readonly string[],
  refused: ReadonlySet<number> | null,
  textOf: ((index: number) => string | null) | null,
) {
  book.acceptedCount += recipients.length - (refused?.size ?? 0);
  for (const [index, recipient] of recipients.entries()) {
    const isRefused = refused?.has(index) ?? false;
    addOne(isRefused ? book.refusedPerRecipient : book.acceptedPerRecipient, recipient);
    if (textOf === null || isRefused) continue;
    const texts = book.texts.get(recipient);
    if (texts === undefined) book.texts.set(recipient, [textOf(index)]);
    else texts.push(textOf(index));
  }
}

function addOne(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function readCalls(book: Book, keepDetails: boolean): CallRecord[] {
  return book.times.map((atMs, index) => ({
    atMs,
    reference: book.references[index] ?? null,
    recipients: book.recipients[index] ?? 0,
    segments: book.segments[index] ?? 0,
    status: book.statuses[index] === NO_ANSWER ? null : (book.statuses[index] ?? null),
    accepted: book.accepted[index] === 1,
    replay: book.replays.has(index),
    numbers: keepDetails ? (book.numbers[index] ?? []) : null,
  }));
}

function countReferences(book: Book): Map<string, number> {
  const counts = new Map<string, number>();
  for (const [index, reference] of book.references.entries()) {
    if (reference !== null && book.accepted[index] === 1) addOne(counts, reference);
  }
  return counts;
}

function countStatuses(statuses: readonly number[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const status of statuses) {
    const name = status === NO_ANSWER ? "none" : String(status);
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}
