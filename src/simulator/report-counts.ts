// How many reports one simulated provider owed, delivered and lost: the other side's book for an audit.
//
// Messages, not POSTs, and each message once, however often its report was sent. A message is reported when its
// final report was answered with a 2xx; until then it is pending.

import type { Lost } from "./report-order.ts";

export type Verdicts = { readonly delivered: number; readonly undelivered: number };

export type ReportCounts = Verdicts & {
  /** A final report is still to be sent, or to be answered. */
  readonly pending: number;
  /** The receiver refused the final report for good, or never took it. */
  readonly dropped: number;
  readonly givenUp: number;
  /** Their address is none that the simulator sends to. */
  readonly outside: number;
  /** Every POST with reports, the repeated ones too. */
  readonly posts: number;
  /** "none": no answer. */
  readonly postsByStatus: Readonly<Record<string, number>>;
  /** Inbound SMS and opt-outs that were answered with a 2xx. */
  readonly inbound: number;
};

export type ReportBook = {
  readonly counts: () => ReportCounts;
  readonly reported: () => number;
  readonly pending: () => number;
  readonly owe: (messages: number) => void;
  readonly addOutside: (messages: number) => void;
  readonly addPost: (status: number | null) => void;
  readonly addReported: (verdicts: Verdicts) => void;
  readonly addLost: (why: Lost, messages: number) => void;
  readonly addInbound: () => void;
};

export function createReportBook(): ReportBook {
  let [owed, delivered, undelivered, dropped, givenUp] = [0, 0, 0, 0, 0];
  let [outside, posts, inbound] = [0, 0, 0];
  const postsByStatus = new Map<number | null, number>();
  const pending = () => owed - delivered - undelivered - dropped - givenUp;
  return {
    reported: () => delivered + undelivered,
    pending,
    counts: () => ({
      delivered,
      undelivered,
      pending: pending(),
      dropped,
      givenUp,
      outside,
      posts,
      postsByStatus: Object.fromEntries(
        [...postsByStatus].map(([status, count]) => [status ?? "none", count]),
      ),
      inbound,
    }),
    owe: (messages) => {
      owed += messages;
    },
    addOutside: (messages) => {
      outside += messages;
    },
    addPost: (status) => {
      posts += 1;
      postsByStatus.set(status, (postsByStatus.get(status) ?? 0) + 1);
    },
    addReported: (verdicts) => {
      delivered += verdicts.delivered;
      undelivered += verdicts.undelivered;
    },
    addLost: (why, messages) => {
      if (why === "dropped") dropped += messages;
      else givenUp += messages;
    },
    addInbound: () => {
      inbound += 1;
    },
  };
}
