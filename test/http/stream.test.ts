// GET /v1/stream: everything as it stands, then what changes; one look a second for all, and none for nobody.

import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { startWorker } from "../../jobs/worker.ts";
import { createCampaignId } from "../../src/domain/ids.ts";
import type { ApiDoors } from "../../src/http/doors.ts";
import { type ApiBench, openApi } from "./api-door.ts";

let api: ApiBench;
beforeAll(async () => {
  api = await openApi();
});
afterAll(() => api.close());

type Event = { readonly kind: string; readonly data: Readonly<Record<string, unknown>> };

/** `until` resolves with the first event that fits, of all that have come and will come. */
async function listen(bench: ApiBench, key = bench.admin) {
  const hangUp = new AbortController();
  onTestFinished(() => hangUp.abort());
  const reply = await fetch(`${bench.url}/v1/stream`, {
    headers: { authorization: `Bearer ${key}` },
    signal: hangUp.signal,
  });
  const events: Event[] = [];
  const waiting = new Set<() => void>();
  const ended = (async () => {
    let text = "";
    const decoder = new TextDecoder();
    for await (const bytes of reply.body ?? []) {
      text += decoder.decode(bytes, { stream: true });
      const blocks = text.split("\n\n");
      text = blocks.pop() ?? "";
      for (const block of blocks) {
        const [, kind, data] = /^event: (\w+)\ndata: (.*)$/.exec(block) ?? [];
        if (kind !== undefined) events.push({ kind, data: JSON.parse(data ?? "") });
      }
      for (const wake of waiting) wake();
    }
    return "ended";
  })().catch(() => "cut off");
  return {
    status: reply.status,
    headers: reply.headers,
    events,
    ended,
    hangUp: () => hangUp.abort(),
    until: (fits: (event: Event) => boolean) =>
      new Promise<Event>((resolve) => {
        const look = () => {
          const found = events.find(fits);
          if (found === undefined) return;
          waiting.delete(look);
          resolve(found);
        };
        waiting.add(look);
        look();
      }),
  };
}

/** Counts the looks; each waits for the gate. */
function counting(looks: { count: number; gate: Promise<void> }) {
  return (doors: ApiDoors): ApiDoors => {
    const live = async () => {
      looks.count += 1;
      await looks.gate;
      return doors.ledger.campaigns.live();
    };
    const campaigns = { ...doors.ledger.campaigns, live };
    return { ...doors, ledger: { ...doors.ledger, campaigns } };
  };
}

async function startCampaign(bench: ApiBench, people = 3): Promise<string> {
  const recipients = Array.from({ length: people }, (_, index) => ({ to: `+4670174000${index}` }));
  const { body } = await bench.call("/v1/campaigns", { body: { name: "s", template: "Hi", recipients } });
  await bench.call(`/v1/campaigns/${body.id}/start`, { method: "POST" });
  return body.id;
}

it("tells how far campaigns are, from their start to their end, and nothing else of them", async () => {
  const id = await startCampaign(api);
  const stream = await listen(api, (await api.createKey("campaigns:read")).key);
  expect(stream.headers.get("content-type")).toBe("text/event-stream");
  const first = await stream.until(({ data }) => data.id === id);
  expect(first).toEqual({
    kind: "campaign",
    data: { id, state: "running", total: 3, counts: { queued: 3 }, rate: null },
  });
  const worker = await startWorker(api.parts);
  try {
    const last = await stream.until(({ data }) => data.id === id && data.state === "completed");
    expect(last.data.counts).toEqual({ accepted: 3 });
  } finally {
    await worker.close(5_000);
  }
});

it("tells when an account is in trouble, and when it is over", async () => {
  const stream = await listen(api);
  const of =
    (health: string) =>
    ({ kind, data }: Event) =>
      kind === "account" && data.name === "fixed" && data.health === health;
  await stream.until(of("ok"));
  await api.parts.ledger.accountHealth.degraded("fixed", "server-error");
  expect((await stream.until(of("degraded"))).data.reason).toBe("server-error");
  stream.events.length = 0;
  await api.parts.ledger.accountHealth.recovered("fixed");
  await stream.until(of("ok"));
});

it("looks once for all listeners, and not at all when nobody listens", async () => {
  const gate = Promise.withResolvers<void>();
  const looks = { count: 0, gate: gate.promise };
  const own = await openApi({ change: counting(looks) });
  onTestFinished(own.close);
  expect(looks.count).toBe(0);
  const streams = await Promise.all(Array.from({ length: 20 }, () => listen(own)));
  expect(looks.count).toBe(1);
  gate.resolve();
  await Promise.all(streams.map((stream) => stream.until(({ kind }) => kind === "account")));
  for (const stream of streams) stream.hangUp();
  await Promise.all(streams.map((stream) => stream.ended));
  // One who comes after all others have gone makes a look of his own, at once; theirs has stopped.
  const lookOfOne = async () => {
    const before = looks.count;
    const late = await listen(own);
    await late.until(({ kind }) => kind === "account");
    late.hangUp();
    await late.ended;
    return looks.count - before;
  };
  await expect.poll(lookOfOne).toBe(1);
});

it("a look that fails ends no stream, and the next one tells what was missed", async () => {
  let fails = true;
  const own = await openApi({
    change: (doors) => ({
      ...doors,
      ledger: {
        ...doors.ledger,
        campaigns: {
          ...doors.ledger.campaigns,
          live: () => {
            if (!fails) return doors.ledger.campaigns.live();
            fails = false;
            return Promise.reject(new Error("the database is away"));
          },
        },
      },
    }),
  });
  onTestFinished(own.close);
  const stream = await listen(own);
  await stream.until(({ kind }) => kind === "account");
  expect(fails).toBe(false);
});

it("has a bound: one listener more is told to come back", async () => {
  const own = await openApi({ bounds: { stream: { listeners: 2, waitingBytes: 1e6, lifeMs: 60_000 } } });
  onTestFinished(own.close);
  const [first] = [await listen(own), await listen(own)];
  const third = await listen(own);
  expect(third.status).toBe(503);
  expect(third.headers.get("retry-after")).toBe("10");
  first?.hangUp();
  await expect.poll(async () => (await listen(own)).status).toBe(200);
});

it("drops a listener who does not take what it is told, and keeps the server", async () => {
  const many = Array.from({ length: 5_000 }, (_, index) => ({
    ...{ id: createCampaignId(index), state: "running" as const, total: 1, counts: {}, rate: null },
  }));
  const own = await openApi({
    bounds: { stream: { listeners: 9, waitingBytes: 100, lifeMs: 60_000 } },
    change: (doors) => {
      const campaigns = { ...doors.ledger.campaigns, live: async () => many };
      return { ...doors, ledger: { ...doors.ledger, campaigns } };
    },
  });
  onTestFinished(own.close);
  // More at once than a connection takes.
  const stream = await listen(own);
  expect(await stream.ended).toBe("cut off");
  expect((await own.call("/v1/accounts")).status).toBe(200);
});

it("ends in its time, so that a key is looked at again", async () => {
  const own = await openApi({ bounds: { stream: { listeners: 9, waitingBytes: 1e6, lifeMs: 1_500 } } });
  onTestFinished(own.close);
  const stream = await listen(own);
  expect(await stream.ended).toBe("ended");
});

it("does not hold up the end of the server", async () => {
  const own = await openApi();
  const streams = await Promise.all(Array.from({ length: 5 }, () => listen(own)));
  await own.close();
  for (const stream of streams) expect(["ended", "cut off"]).toContain(await stream.ended);
});
