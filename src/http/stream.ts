// [0] Server-sent events: how far campaigns are and how accounts stand, when it changes.
//
// A stream starts with everything as it stands, so whoever comes back has missed nothing that still counts, and there
// are no ids to go on from. It ends after some minutes: the browser comes back by itself, and its key is looked at again.

import { Readable } from "node:stream";
import { streamOut } from "./contract/fields.ts";
import type { AccountEvent, LiveCampaignEvent } from "./contract/stream.ts";
import type { Api, ApiDoors } from "./doors.ts";
import { refuse } from "./problem.ts";
import { createWatch, type View, type Watch } from "./watch.ts";

export type StreamBounds = {
  /** In one process. */
  readonly listeners: number;
  /** Of what a listener has not taken yet; one that is slower is dropped. */
  readonly waitingBytes: number;
  readonly lifeMs: number;
};

export const streamBounds: StreamBounds = { listeners: 200, waitingBytes: 262_144, lifeMs: 5 * 60_000 };
const EVENT_STREAM = "text/event-stream";
/** Often enough that nothing in between takes the connection for dead. */
const HEARTBEAT_EVERY_MS = 15_000;
const GREETING = "retry: 2000\n\n";

export function addStream(api: Api, doors: ApiDoors, bounds: StreamBounds): void {
  const watch = createWatch(() => look(doors));
  /** How to end each. */
  const open = new Set<() => void>();
  // What is open would hold up the end of the server.
  api.addHook("preClose", async () => {
    for (const end of open) end();
  });

  api.get(
    "/stream",
    {
      config: { scope: "campaigns:read" },
      exposeHeadRoute: false,
      schema: {
        summary: "What changes, as it changes",
        description:
          "Server-sent events: `campaign` with {id, state, total, counts, rate} and `account` with {name, health, " +
          "reason}; first all of them, then those that change, at most once a second. Campaigns stay for an hour " +
          "after their end. It ends every few minutes; connect again.",
        tags: ["campaigns"],
        response: { 200: { description: "Events.", content: { [EVENT_STREAM]: { schema: streamOut } } } },
      },
    },
    async (_, reply) => {
      if (open.size >= bounds.listeners) {
        throw refuse({
          code: "unavailable",
          detail: "Too many listeners.",
          headers: { "retry-after": "10" },
        });
      }
      const stream = openStream(watch, bounds, open);
      return reply
        .type(EVENT_STREAM)
        .header("cache-control", "no-store")
        .header("x-accel-buffering", "no")
        .send(stream);
    },
  );
}

function openStream(watch: Watch, bounds: StreamBounds, open: Set<() => void>): Readable {
  const stream = new Readable({ read: () => undefined });
  stream.push(GREETING);
  const tell = (text: string) => {
    if (stream.readableLength > bounds.waitingBytes) stream.destroy();
    if (!stream.destroyed) stream.push(text);
  };
  const leave = watch.join(tell);
  const heartbeat = setInterval(tell, HEARTBEAT_EVERY_MS, ":\n\n");
  const lifetime = setTimeout(end, bounds.lifeMs);
  open.add(end);
  stream.once("close", stopTelling);
  return stream;

  function stopTelling(): void {
    open.delete(end);
    leave();
    clearInterval(heartbeat);
    clearTimeout(lifetime);
  }
  function end(): void {
    stopTelling();
    stream.push(null);
  }
}

async function look({ ledger, accounts }: ApiDoors): Promise<View[]> {
  const campaigns = await ledger.campaigns.live();
  const degraded = new Map(
    (await ledger.accountHealth.listDegraded()).map(({ account, reason }) => [account, reason]),
  );
  return [
    ...campaigns.map(
      (one): View => ({ kind: "campaign", id: one.id, data: one satisfies LiveCampaignEvent }),
    ),
    ...[...accounts.keys()].map((name): View => {
      const health = degraded.has(name) ? "degraded" : "ok";
      const data = { name, health, reason: degraded.get(name) ?? null } satisfies AccountEvent;
      return { kind: "account", id: name, data };
    }),
  ];
}
