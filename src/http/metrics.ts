// [0] Figures for Prometheus. They name accounts, states and routes, and never a number, a text or a campaign; even so
// they are for the operator, and need a key with the scope admin (in its scrape_config: authorization).
//
// What stands in the ledger is read every few seconds at most, however many ask, and is the same in every process;
// times of requests and the state of the process are this one's own.

import type { FastifyInstance } from "fastify";
import { collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import { coordinationOf } from "./accounts.ts";
import { createAuthentication } from "./auth.ts";
import type { ApiDoors } from "./doors.ts";
import { createErrorHandler } from "./problem.ts";

const READ_EVERY_MS = 5_000;
const SECONDS_OF_REQUESTS = [0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60];
/** Requests of paths that there are not. */
const NO_ROUTE = "none";

export function addMetrics(app: FastifyInstance, doors: ApiDoors): void {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  timeRequests(app, registry);
  const readFigures = createFigures(registry, doors);

  app.register(async (scope) => {
    scope.decorateRequest("apiKey", null);
    scope.setErrorHandler(createErrorHandler(doors.log));
    scope.addHook("onRequest", createAuthentication(doors.ledger));
    scope.get("/metrics", { config: { scope: "admin" }, schema: { hide: true } }, async (_, reply) => {
      await readFigures();
      return reply
        .type(registry.contentType)
        .header("cache-control", "no-store")
        .send(await registry.metrics());
    });
  });
}

function timeRequests(app: FastifyInstance, registry: Registry): void {
  const seconds = new Histogram({
    name: "volley_http_request_seconds",
    help: "Requests by the pattern of their route, until their answer was sent.",
    labelNames: ["method", "route", "status"],
    buckets: SECONDS_OF_REQUESTS,
    registers: [registry],
  });
  app.addHook("onResponse", async ({ method, routeOptions }, reply) => {
    const route = routeOptions.url ?? NO_ROUTE;
    seconds.observe({ method, route, status: reply.statusCode }, reply.elapsedTime / 1_000);
  });
}

/** Answers what brings all figures up to date, when they are not. */
function createFigures(registry: Registry, doors: ApiDoors): () => Promise<void> {
  const gauge = (name: string, help: string, ...labelNames: string[]) =>
    new Gauge({ name: `volley_${name}`, help, labelNames, registers: [registry] });
  const figures = {
    campaignMessages: gauge(
      "campaign_messages",
      'Messages of campaigns that are under way or ended within a day. Account "*": of several.',
      ...["account", "state"],
    ),
    backlogChunks: gauge("backlog_chunks", "Chunks whose time has come.", "account", "state"),
    backlogMessages: gauge("backlog_messages", "Messages that these were made with.", "account", "state"),
    backlogSeconds: gauge("backlog_oldest_seconds", "For how long the first has waited.", "account", "state"),
    unknowns: gauge(
      "unknown_messages",
      "Nobody knows whether they were sent. settled_by: volley will ask or decide; else only a person or a report can.",
      ...["account", "settled_by"],
    ),
    overdue: gauge("overdue_messages", "Accepted, without a final report in time.", "account"),
    inboxUnread: gauge("inbox_unread", "Requests of providers that are stored and not read yet."),
    deliveriesWaiting: gauge("webhook_deliveries_waiting", "Webhooks to be delivered, or to be tried again."),
    degraded: gauge("account_degraded", "1: the account is out of order.", "account"),
    pauseSeconds: gauge("account_pause_seconds", "No call leaves before that is over.", "account"),
    tokenAge: gauge("token_age_seconds", "Of the account's shared token.", "account"),
    tokenGeneration: gauge("token_generation", "Counts the account's tokens.", "account"),
    engineAnswers: gauge("engine_up", "0: where tokens and limits are kept does not answer.", "account"),
  };

  async function read(): Promise<void> {
    const standing = await doors.ledger.standing();
    const degraded = new Set((await doors.ledger.accountHealth.listDegraded()).map(({ account }) => account));
    const accounts = await Promise.all(
      [...doors.accounts.values()].map(async ({ account }) => ({
        account: account.name,
        ...(await coordinationOf(doors, account)),
      })),
    );
    // All at once from here on: who asks meanwhile gets the old figures or the new ones.
    for (const one of Object.values(figures)) one.reset();
    for (const { messages, ...labels } of standing.campaigns) figures.campaignMessages.set(labels, messages);
    for (const { account, state, ...one } of standing.backlog) {
      figures.backlogChunks.set({ account, state }, one.chunks);
      figures.backlogMessages.set({ account, state }, one.messages);
      figures.backlogSeconds.set({ account, state }, one.oldestSeconds);
    }
    for (const { account, settling, messages } of standing.unknowns) {
      figures.unknowns.set({ account, settled_by: settling ? "volley" : "person" }, messages);
    }
    for (const { account, messages } of standing.overdue) figures.overdue.set({ account }, messages);
    figures.inboxUnread.set(standing.inboxUnread);
    figures.deliveriesWaiting.set(standing.deliveriesWaiting);
    for (const { account, coordination, token, pause } of accounts) {
      figures.degraded.set({ account }, degraded.has(account) ? 1 : 0);
      figures.engineAnswers.set({ account }, coordination === "ok" ? 1 : 0);
      if (coordination === "ok") figures.pauseSeconds.set({ account }, (pause?.remainingMs ?? 0) / 1_000);
      if (token === null) continue;
      figures.tokenAge.set({ account }, token.ageMs / 1_000);
      figures.tokenGeneration.set({ account }, token.generation);
    }
  }

  let reading: Promise<void> | null = null;
  let readAtMs = Number.NEGATIVE_INFINITY;
  return async () => {
    if (performance.now() - readAtMs < READ_EVERY_MS) return;
    reading ??= read().finally(() => {
      reading = null;
    });
    await reading;
    readAtMs = performance.now();
  };
}
