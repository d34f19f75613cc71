// The last hop, from the outbox to a customer's endpoint: take what is due, sign and send it, record how it ended.
// What is on disk if the process dies:
//
//   between take and record   a delivery under a lease; when that ends it is made again, under the same webhook-id
//   after the record          the end; delivered events are not taken again
//
// One job an endpoint and a few calls at once in it, so that a slow endpoint holds up nobody but itself.

import type { DisabledReason } from "../src/domain/endpoint.ts";
import { sensitive } from "../src/domain/sensitive.ts";
import { again, done, type StepEnd } from "../src/domain/step-end.ts";
import type { DeliveryEnd, TakenDelivery } from "../src/ledger/deliveries.ts";
import type { EndpointTarget } from "../src/ledger/endpoints.ts";
import type { Ledger } from "../src/ledger/ledger.ts";
import type { Logger } from "../src/platform/log.ts";
import type { Enqueue } from "../src/queue/enqueue.ts";
import type { DeliverWebhooks } from "../src/queue/queues.ts";
import type { WebhookOutcome } from "../src/webhooks/deliver.ts";
import type { Webhooks } from "../src/webhooks/webhooks.ts";

export type DeliverWebhooksParts = {
  readonly ledger: Pick<Ledger, "endpoints" | "deliveries">;
  readonly webhooks: Pick<Webhooks, "send" | "nextTryInMs" | "isEndpointDead">;
  readonly log: Logger;
};

export type DeliverDueParts = {
  readonly ledger: Pick<Ledger, "endpoints" | "events">;
  readonly enqueue: Pick<Enqueue, "endpoints">;
};

/** Calls to one endpoint that are in flight at once. */
const CALLS_MAX = 10;
const TAKEN_MAX = 100;
/** After this long the step gives way to the next job. */
const TURN_MS = 10_000;
/** Longer than a turn and the deadline of its last call (15 s). */
const LEASE_MS = 60_000;
/** An endpoint that answered nothing of a round well is left alone for this long. */
const REST_MS = 5_000;
/** Any event can be replayed for this long. */
const EVENTS_KEPT_MS = 30 * 86_400_000;
const PRUNED_MAX = 10_000;

/** Puts the endpoints into the queue that something is due for, and forgets old events. */
export async function deliverDue({ ledger, enqueue }: DeliverDueParts): Promise<StepEnd> {
  const due = await ledger.endpoints.due();
  if (due.length > 0) await enqueue.endpoints(due);
  await ledger.events.prune({ olderThanMs: EVENTS_KEPT_MS, limit: PRUNED_MAX });
  return done;
}

/** One endpoint, one turn. */
export async function deliverWebhooks(
  parts: DeliverWebhooksParts,
  { endpoint: id }: Pick<DeliverWebhooks, "endpoint">,
  signal: AbortSignal,
): Promise<StepEnd> {
  const { ledger } = parts;
  const target = await ledger.endpoints.findTarget(id);
  if (target === null || !target.enabled) return done;
  const endsAtMs = performance.now() + TURN_MS;
  while (performance.now() < endsAtMs) {
    if (signal.aborted) return again(0);
    const taken = await ledger.deliveries.take(id, { limit: TAKEN_MAX, leaseMs: LEASE_MS });
    if (taken.length === 0) return done;
    const round: Round = { parts, target, endsAtMs, signal, delivered: 0, failed: 0, isDisabled: false };
    await deliverRound(round, taken);
    if (round.isDisabled) return done;
    if (round.delivered === 0 && round.failed > 0) return again(REST_MS);
  }
  return again(0);
}

/** An event of its own, sent now and once, whether the endpoint is enabled or not. Null: there is no such endpoint. */
export async function testWebhook(
  {
    ledger,
    webhooks,
  }: Pick<DeliverWebhooksParts, "webhooks"> & {
    readonly ledger: Pick<Ledger, "endpoints" | "deliveries" | "events">;
  },
  id: EndpointTarget["id"],
): Promise<WebhookOutcome | { readonly kind: "secret-lost" } | null> {
  const target = await ledger.endpoints.findTarget(id);
  if (target === null) return null;
  const test = await ledger.events.addTest(id, { leaseMs: LEASE_MS });
  if (test === null) return null;
  const outcome = await send(webhooks, target, test);
  await ledger.deliveries.record(
    outcome.kind === "secret-lost"
      ? { ...test, delivered: false, status: null, reason: outcome.kind, againInMs: null }
      : { ...toEnd(test, outcome), againInMs: null },
  );
  return outcome;
}

type Round = {
  readonly parts: DeliverWebhooksParts;
  readonly target: EndpointTarget;
  readonly endsAtMs: number;
  readonly signal: AbortSignal;
  delivered: number;
  failed: number;
  isDisabled: boolean;
};

async function deliverRound(round: Round, taken: readonly TakenDelivery[]): Promise<void> {
  let next = 0;
  const lane = async () => {
    for (;;) {
      const delivery = isOver(round) ? undefined : taken[next];
      if (delivery === undefined) return;
      next += 1;
      await deliverOne(round, delivery);
    }
  };
  await Promise.all(Array.from({ length: Math.min(CALLS_MAX, taken.length) }, lane));
  const left = taken.slice(next);
  if (left.length > 0) await round.parts.ledger.deliveries.giveBack(left);
}

/** Also when as many calls as are made at once have failed and none went well. */
function isOver({ endsAtMs, signal, delivered, failed, isDisabled }: Round): boolean {
  if (signal.aborted || isDisabled || performance.now() > endsAtMs) return true;
  return delivered === 0 && failed >= CALLS_MAX;
}

async function deliverOne(round: Round, delivery: TakenDelivery): Promise<void> {
  const { target, parts } = round;
  const { ledger, webhooks, log } = parts;
  const outcome = await send(webhooks, target, delivery);
  if (outcome.kind === "secret-lost") {
    await ledger.deliveries.giveBack([delivery]);
    return disable(round, "secret-lost");
  }
  const triesNow = delivery.tries + 1;
  const againInMs = () =>
    webhooks.nextTryInMs(triesNow, outcome.kind === "failed" ? outcome.retryAfterMs : null);
  const isFinal = outcome.kind === "delivered" || outcome.kind === "gone";
  const end = { ...toEnd(delivery, outcome), againInMs: isFinal ? null : againInMs() };
  if (end.delivered) round.delivered += 1;
  else round.failed += 1;
  const { failingSince, now } = await ledger.deliveries.record(end);
  if (end.delivered) return;
  const { status, reason, againInMs: waitMs } = end;
  log.debug(
    { endpoint: target.id, event: delivery.eventId, status, reason, waitMs },
    "an event was not delivered",
  );
  if (outcome.kind === "gone") return disable(round, "gone");
  if (webhooks.isEndpointDead(failingSince?.getTime() ?? null, now.getTime()))
    return disable(round, "failing");
}

async function send(
  { send }: Pick<Webhooks, "send">,
  { url, secrets: [newest, ...older] }: EndpointTarget,
  { eventId, body }: TakenDelivery,
): Promise<WebhookOutcome | { readonly kind: "secret-lost" }> {
  if (newest === undefined) return { kind: "secret-lost" };
  return send({
    url,
    id: eventId,
    timestamp: new Date(),
    body: sensitive(JSON.stringify(body)),
    secrets: [newest, ...older],
  });
}

function toEnd(delivery: TakenDelivery, outcome: WebhookOutcome): Omit<DeliveryEnd, "againInMs"> {
  const { endpointId, eventSeq, lease } = delivery;
  const of = { endpointId, eventSeq, lease };
  switch (outcome.kind) {
    case "delivered":
      return { ...of, delivered: true, status: outcome.status, reason: null };
    case "gone":
      return { ...of, delivered: false, status: 410, reason: "gone" };
    case "failed":
      return { ...of, delivered: false, status: outcome.status, reason: outcome.reason };
    case "refused":
      return { ...of, delivered: false, status: null, reason: outcome.reason };
    default:
      return outcome satisfies never;
  }
}

/** In `webhook list`, and in the log once. Only the host is told: the rest of a URL may hold a secret. */
async function disable(round: Round, reason: DisabledReason): Promise<void> {
  const { parts, target } = round;
  round.isDisabled = true;
  if (!(await parts.ledger.endpoints.disable(target.id, reason))) return;
  const host = URL.parse(target.url)?.host;
  parts.log.warn({ endpoint: target.id, host, reason }, "a webhook endpoint is disabled");
}
