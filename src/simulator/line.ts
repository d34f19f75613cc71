// One simulated provider at work: every request runs down this line, and no other order is possible.
//
//   token call -> token fault, token desk
//   send       -> login, content (provider) -> rate -> fault -> accept (provider) -> journal -> latency -> wire
//                                                                                       '-> reports, later
//   the rest   -> look-up fault, look-up (provider)
//
// A request that is refused for its login or its content costs nothing of the rate (ASSUMED for all providers),
// and everything is decided on arrival: latency delays what the client hears, not what happened.

import type { ServerResponse } from "node:http";
import { deliver, deliverHtml, deliverSpoilt, drop } from "./deliver.ts";
import { checkFaults, createFaults, type FaultEffect, type FaultRule } from "./faults.ts";
import { createJournal, type Journal } from "./journal.ts";
import type { TokenCall, TokenDesk } from "./oauth.ts";
import { checkLimit, checkWait, type ProviderSettings } from "./options.ts";
import {
  type Clock,
  type Incoming,
  type Reply,
  type SendAnswer,
  type SendRequest,
  type SimulatedProvider,
  type SimulatorTools,
  withRetryAfter,
} from "./provider.ts";
import { createRandom } from "./random.ts";
import { createRateWindow } from "./rate-window.ts";
import { createReportSender, type ReportSender } from "./report-sender.ts";

export type RateSettings = Pick<
  ProviderSettings,
  "requestsPerSecond" | "segmentsPerSecond" | "retryAfterSeconds"
>;
export type LatencySettings = Pick<ProviderSettings, "latencyMs" | "latencyJitterMs">;

export type Line = {
  readonly journal: Journal;
  readonly reports: ReportSender;
  /** Below the provider's prefix. */
  readonly tokenPath: string | null;
  readonly tokenCalls: () => readonly TokenCall[];
  readonly handle: (incoming: Incoming, response: ServerResponse) => void;
  readonly setFaults: (rules: readonly FaultRule[]) => void;
  /** Settings that are left out stay. */
  readonly setRate: (change: Partial<RateSettings>) => void;
  readonly setLatency: (change: Partial<LatencySettings>) => void;
  readonly revokeTokens: () => void;
  /** Forgets what was seen and taken; settings and tokens stay. */
  readonly reset: () => void;
  readonly close: () => void;
};

export type SharedByLines = {
  readonly clock: Clock;
  readonly seed: number;
  readonly keepDetails: boolean;
};

const NOTHING_TAKEN = { accepted: false, refused: null, replay: false, textOf: null } as const;

/** What goes on the wire, decided on arrival. Null: nothing ever does. */
type Ending = {
  readonly effect: FaultEffect | null;
  readonly reply: Reply | null;
  /** The reply leaves after this, if there is one. */
  readonly after?: Promise<unknown> | null;
};

export function createLine(
  settings: ProviderSettings,
  build: (tools: SimulatorTools) => SimulatedProvider,
  shared: SharedByLines,
): Line {
  const { clock } = shared;
  // Two generators, so that switching jitter on does not change which calls fail.
  const faultRandom = createRandom(shared.seed);
  const jitterRandom = createRandom(shared.seed + 1);
  const journal = createJournal({ keepDetails: shared.keepDetails });
  let faults = createFaults(settings.faults, faultRandom);
  let rate: RateSettings = settings;
  let latency: LatencySettings = settings;
  let tokenCalls: TokenCall[] = [];
  const limit = createRateWindow(rate);
  const provider = build({
    clock,
    faults: {
      isRejected: (recipient) => faults.isRejected(recipient),
      lookUpLagMs: () => faults.lookUpLagMs,
      strikes: (name) => faults.strikes(name),
    },
    fateAt: (digits, takenAtMs) => reports.fateAt(digits, takenAtMs),
    requestsLeft: () => {
      const left = limit.requestsLeft(clock.nowMs());
      return left === null ? null : { limit: rate.requestsPerSecond ?? 0, left };
    },
  });
  const withWait = provider.withWait ?? withRetryAfter;
  const reports = createReportSender(provider.reports, {
    settings: settings.reports,
    seed: shared.seed,
    clock,
  });

  function handleToken(incoming: Incoming, tokens: TokenDesk): Ending {
    const atMs = clock.nowMs();
    const ending = decideToken(incoming, tokens);
    tokenCalls.push({ atMs, status: statusOf(ending) });
    return ending;
  }

  function decideToken(incoming: Incoming, tokens: TokenDesk): Ending {
    const fault = faults.nextToken();
    switch (fault) {
      case null:
        return { effect: null, reply: tokens.answer(incoming) };
      case "token-down":
        return { effect: null, reply: provider.faultReply(503) };
      case "token-drop":
        return { effect: { kind: "drop" }, reply: null };
      case "token-hang":
        return { effect: { kind: "hang" }, reply: null };
      default:
        return fault satisfies never;
    }
  }

  function handleSend(incoming: Incoming): Ending {
    const atMs = clock.nowMs();
    const request = provider.readSend(incoming);
    if (request.kind === "refused") {
      const { reply, reference, recipients } = request;
      const { status } = reply;
      journal.record({ ...NOTHING_TAKEN, atMs, reference, recipients, segments: 0, status });
      return { effect: null, reply };
    }
    const { ending, taken } = decideSend(atMs, request);
    const { reference, recipients, segments, textOf } = request;
    const replay = request.replay === true && taken !== null;
    const seen = { atMs, reference, recipients, segments, status: statusOf(ending), replay };
    const refused = taken?.refused ?? null;
    const accepted = taken !== null && !replay && (refused === null || refused.size < recipients.length);
    journal.record(accepted ? { ...seen, accepted, refused, textOf } : { ...NOTHING_TAKEN, ...seen });
    return { ...ending, after: oweReports(taken) };
  }

  function oweReports(taken: SendAnswer | null): Promise<unknown> | null {
    const early = (taken?.reports ?? []).map(reports.owe).filter((promise) => promise !== null);
    return early.length === 0 ? null : Promise.all(early);
  }

  function decideSend(atMs: number, request: SendRequest): { ending: Ending; taken: SendAnswer | null } {
    if (!limit.admit(atMs, request.segments)) {
      const { retryAfterSeconds } = rate;
      const reply = provider.faultReply(429);
      const hinted = retryAfterSeconds === null ? reply : withWait(reply, String(retryAfterSeconds));
      return { ending: { effect: null, reply: hinted }, taken: null };
    }
    const due = faults.nextSend();
    if (due === null) {
      const taken = request.accept(false);
      return { ending: { effect: null, reply: taken }, taken };
    }
    const { accepts, effect } = due.fault;
    const taken = accepts ? request.accept(effect.kind === "incomplete") : null;
    if (effect.kind !== "status") return { ending: { effect, reply: taken }, taken };
    const worded = provider.faultReply(effect.status);
    const hinted = effect.retryAfter ? withWait(worded, due.retryAfter) : worded;
    return { ending: { effect, reply: hinted }, taken };
  }

  function handleOther(incoming: Incoming): Reply {
    if (!provider.isLookUp(incoming)) return provider.answerOther(incoming);
    journal.recordLookUp();
    return faults.nextLookUp() === null ? provider.answerOther(incoming) : provider.faultReply(503);
  }

  function decide(incoming: Incoming): Ending {
    if (provider.isSend(incoming)) return handleSend(incoming);
    const { tokens, tokenPath } = provider;
    if (tokens !== null && incoming.path === tokenPath) return handleToken(incoming, tokens);
    return { effect: null, reply: handleOther(incoming) };
  }

  function answer(response: ServerResponse, ending: Ending): void {
    const { latencyMs, latencyJitterMs } = latency;
    if (latencyMs + latencyJitterMs === 0) {
      finish(response, ending);
      return;
    }
    const waitMs = latencyMs + jitterRandom() * latencyJitterMs;
    setTimeout(finish, waitMs, response, ending).unref();
  }

  return {
    journal,
    reports,
    tokenPath: provider.tokenPath,
    tokenCalls: () => tokenCalls,
    handle: (incoming, response) => {
      const ending = decide(incoming);
      if (ending.after == null) answer(response, ending);
      else void ending.after.then(() => answer(response, ending));
    },
    setFaults: (rules) => {
      checkFaults(rules);
      faults = createFaults(rules, faultRandom);
    },
    setRate: (change) => {
      const next = { ...rate, ...change };
      checkLimit("requestsPerSecond", next.requestsPerSecond);
      checkLimit("segmentsPerSecond", next.segmentsPerSecond);
      rate = next;
      limit.setLimits(rate);
    },
    setLatency: (change) => {
      const next = { ...latency, ...change };
      checkWait("latencyMs", next.latencyMs);
      checkWait("latencyJitterMs", next.latencyJitterMs);
      latency = next;
    },
    revokeTokens: () => provider.tokens?.revoke(),
    reset: () => {
      journal.reset();
      provider.reset();
      reports.reset();
      tokenCalls = [];
    },
    close: reports.close,
  };
}

/** What the client will see; null when it is never answered. */
function statusOf({ effect, reply }: Ending): number | null {
  if (effect?.kind === "drop" || effect?.kind === "hang") return null;
  return effect?.kind === "html" ? 200 : (reply?.status ?? null);
}

function finish(response: ServerResponse, { effect, reply }: Ending): void {
  if (effect?.kind === "drop") drop(response);
  else if (effect?.kind === "html") deliverHtml(response);
  else if (reply === null || effect?.kind === "hang") return;
  else if (effect?.kind === "spoil") deliverSpoilt(response, reply, effect.how);
  else deliver(response, reply);
}
