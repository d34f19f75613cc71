// Sends the reports that a simulated provider owes, and the SMS that people send back:
//
//   a request is taken -> fan of reports, waits -> due: POSTs, at most so many at once -> 2xx: counted as reported
//                                                    '-> wait and repeat, drop or give up, as the provider does
//
// A stage (intermediate, final, strays) begins when each POST of the one before has had its first answer. Faults of
// order and number (report-settings.ts) are played here and are the same for all providers.

import { VolleyError } from "../domain/errors.ts";
import { createDueQueue } from "./due-queue.ts";
import { createFifo, type Fifo } from "./fifo.ts";
import type { Clock } from "./provider.ts";
import { createReportBook, type ReportCounts } from "./report-counts.ts";
import { type Fan, sizeOf, stagesOf } from "./report-fan.ts";
import {
  type Copy,
  createReportJob,
  createTextJob,
  gatherSlices,
  recordLost,
  recordTaken,
  writeJob,
} from "./report-job.ts";
import {
  type FateAt,
  fateOf,
  type InboundSms,
  PENDING,
  type ReportOrder,
  type ReportWire,
} from "./report-order.ts";
import { createPoster, readTarget, type Target } from "./report-poster.ts";
import { type ReportSettings, reportSettings } from "./report-settings.ts";
import { createWaiting } from "./waiting.ts";

export type ReportSender = {
  /** Null unless the reply to the send request has to wait for the reports (`early`). */
  readonly owe: (order: ReportOrder) => Promise<void> | null;
  /** The status of the last try; null: never answered. */
  readonly sendInbound: (sms: InboundSms) => Promise<number | null>;
  readonly sendOptOut: (number: string) => Promise<number | null>;
  /** What the final report about this person says, now and always, unless the share changes. */
  readonly fate: (digits: string) => "delivered" | "undelivered";
  /** What the provider says when it is asked, whether or not its reports arrive. */
  readonly fateAt: FateAt;
  readonly counts: () => ReportCounts;
  readonly untilReported: (messages: number) => Promise<void>;
  /** Settles when no final report is outstanding. */
  readonly untilSettled: () => Promise<void>;
  /** For requests that are taken from now on. Settings that are left out stay. */
  readonly setSettings: (change: Partial<ReportSettings>) => void;
  readonly reset: () => void;
  readonly close: () => void;
};

type Due = { readonly fan: Fan } | { readonly copy: Copy };

/** As many connections does one simulated provider keep busy at most. */
const IN_FLIGHT_MAX = 64;

export function createReportSender(
  wire: ReportWire,
  options: { readonly settings: ReportSettings; readonly seed: number; readonly clock: Clock },
): ReportSender {
  const { seed, clock } = options;
  const poster = createPoster();
  const waiting = createWaiting();
  const due = createDueQueue<Due>(release);
  const copies = createFifo<Copy>();
  /** Only reports for the same address share a POST. */
  const fans = new Map<string, Fifo<Fan>>();
  let { settings } = options;
  let book = createReportBook();
  let inFlight = 0;
  let isClosed = false;

  function owe(order: ReportOrder): Promise<void> | null {
    const url = order.url ?? settings.url;
    const people = order.recipients.length;
    if (url === null || people === 0) return null;
    const target = readTarget(url);
    if (target === null) {
      book.addOutside(people);
      return null;
    }
    book.owe(people);
    return runStages(order, { target, url });
  }

  function runStages(
    order: ReportOrder,
    to: { readonly target: Target; readonly url: string },
  ): Promise<void> | null {
    const own = settings;
    const ownBook = book;
    const stages = stagesOf(order, own);
    const over = own.early ? Promise.withResolvers<void>() : null;
    const begin = (at: number) => {
      const stage = stages[at];
      // After a reset nobody owes what was owed before it.
      if (stage === undefined || book !== ownBook) {
        over?.resolve();
        return;
      }
      const size = sizeOf(order, stage, own);
      const fan: Fan = {
        ...to,
        order,
        stage,
        settings: own,
        seed,
        size,
        atMs: 0,
        next: 0,
        unanswered: size,
        whenAnswered: () => begin(at + 1),
      };
      // Strays do not add to the time: they follow the last true report at once.
      const delayMs = stage === "stray" ? 0 : own.delayMs / (stages.length - (own.strays > 0 ? 1 : 0));
      if (over === null) due.add({ fan }, delayMs);
      else release([{ fan }]);
    };
    begin(0);
    return over?.promise ?? null;
  }

  function release(items: readonly Due[]): void {
    for (const item of items) {
      if ("copy" in item) copies.push(item.copy);
      else addFan(item.fan);
    }
    pump();
  }

  function addFan(fan: Fan): void {
    fan.atMs = clock.wallMs();
    const queue = fans.get(fan.url) ?? createFifo<Fan>();
    queue.push(fan);
    fans.set(fan.url, queue);
  }

  function pump(): void {
    while (inFlight < IN_FLIGHT_MAX && !isClosed) {
      const copy = copies.shift() ?? nextCopy();
      if (copy === null) return;
      send(copy);
    }
  }

  function nextCopy(): Copy | null {
    for (const [url, queue] of fans) {
      const first = queue.peek();
      // The addresses take turns: whoever had one goes to the end of the line.
      fans.delete(url);
      if (first === undefined) continue;
      const slices = gatherSlices(queue, first.settings.perPostMax ?? wire.perPostMax);
      if (queue.peek() !== undefined) fans.set(url, queue);
      const job = createReportJob(slices, first, book);
      for (let count = 1; count < first.settings.copies; count += 1) copies.push({ job, tries: 0 });
      return { job, tries: 0 };
    }
    return null;
  }

  function send(copy: Copy): void {
    const { job } = copy;
    const body = writeJob(job, wire);
    const login = job.authorization === null ? "" : `Authorization: ${job.authorization}\r\n`;
    copy.tries += 1;
    inFlight += 1;
    poster.post({
      target: job.target,
      headers: login + (wire.sign?.(body) ?? ""),
      body,
      done: (status) => {
        inFlight -= 1;
        settle(copy, status);
        pump();
      },
    });
  }

  function settle(copy: Copy, status: number | null): void {
    const { job } = copy;
    if (job.text === null) job.book.addPost(status);
    const isTaken = status !== null && status >= 200 && status < 300;
    const verdict = isTaken ? null : wire.retry(copy.tries, status);
    if (isTaken) recordTaken(job);
    if (typeof verdict === "number" && !isClosed) due.add({ copy }, verdict * job.retryScale);
    else {
      job.copiesLeft -= 1;
      if (typeof verdict === "string") recordLost(job, verdict);
      job.whenOver?.(status);
    }
    if (!job.isAnswered) {
      job.isAnswered = true;
      for (const { fan, from, to } of job.slices) {
        fan.unanswered -= to - from;
        if (fan.unanswered === 0) fan.whenAnswered();
      }
    }
    waiting.notify();
  }

  function sendText(text: string): Promise<number | null> {
    if (settings.inboundUrl === null) throw usage("the provider has no inboundUrl");
    const target = readTarget(settings.inboundUrl);
    if (target === null) throw usage("the inboundUrl is not plain HTTP on loopback");
    const { promise, resolve } = Promise.withResolvers<number | null>();
    copies.push({ job: createTextJob(text, { target, book, settings }, resolve), tries: 0 });
    pump();
    return promise;
  }

  return {
    owe,
    sendInbound: (sms) => {
      if (wire.writeInbound === undefined) throw usage("no document shows this provider's inbound SMS");
      return sendText(wire.writeInbound(sms, clock.wallMs()));
    },
    sendOptOut: (number) => {
      if (wire.writeOptOut === undefined) throw usage("this provider has no word for an opt-out");
      return sendText(wire.writeOptOut(number.replace(/^\+/, ""), clock.wallMs()));
    },
    fate: (digits) =>
      fateOf(digits, { seed, share: settings.undeliveredShare }).kind === "delivered"
        ? "delivered"
        : "undelivered",
    fateAt: (digits, takenAtMs) =>
      clock.wallMs() < takenAtMs + settings.delayMs
        ? PENDING
        : fateOf(digits, { seed, share: settings.undeliveredShare }),
    counts: () => book.counts(),
    untilReported: (messages) => waiting.until(() => book.reported() >= messages),
    untilSettled: () => waiting.until(() => book.pending() === 0),
    setSettings: (change) => {
      settings = reportSettings(settings, change);
    },
    reset: () => {
      due.clear();
      copies.clear();
      fans.clear();
      book = createReportBook();
    },
    close: () => {
      isClosed = true;
      due.clear();
      poster.close();
    },
  };
}

function usage(reason: string): VolleyError {
  return new VolleyError("usage", `Cannot simulate an inbound SMS: ${reason}.`);
}
