// The shared token on both engines: two SharedTokens are two processes, the token server counts its calls.

import { randomBytes, randomUUID } from "node:crypto";
import type { ServerResponse } from "node:http";
import { setTimeout as wait } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Account } from "../../src/domain/account.ts";
import { type Sensitive, sensitive } from "../../src/domain/sensitive.ts";
import type { TokenCells } from "../../src/engine/engine.ts";
import { createHttpClient } from "../../src/platform/http-client.ts";
import { fetchToken } from "../../src/tokens/oauth-client.ts";
import { createSharedTokens, type SharedTokens } from "../../src/tokens/shared-token.ts";
import { silentLog, type TestEngine, testEngines } from "../engine/engines.ts";
import { answerJson, startHttpServer } from "../support/http-server.ts";

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
const REFRESH_EVERY_MS = 300_000;
/** The gap of a second, less what two clocks and a round trip may differ. */
const GAP_MS_MIN = 950;

const cleanUps: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

describe.each(testEngines)("the shared token on $name", ({ open }) => {
  let bundle: TestEngine;
  beforeAll(async () => {
    bundle = await open();
    await bundle.engine.migrate();
  });
  afterAll(() => bundle.close());

  /** A token server, an account, and as many processes as a test wants, whose clocks it can put forward. */
  async function setup(options: { readonly expiresIn?: unknown; readonly usesToken?: boolean } = {}) {
    const { expiresIn = 3600, usesToken = true } = options;
    const callsAt: number[] = [];
    let answer = (response: ServerResponse, count: number) =>
      answerJson(response, 200, { access_token: `token-${count}`, expires_in: expiresIn });
    const server = await startHttpServer((_call, response) => {
      callsAt.push(performance.now());
      answer(response, callsAt.length);
    });
    const http = createHttpClient({ connectionsPerOrigin: 8 });
    cleanUps.push(server.close, http.close);
    const fleetClock = createFleetClock();
    const name = `account-${randomUUID()}`;
    const account: Account = {
      name,
      provider: "sinch",
      credentials: {},
      credentialSources: { keySecret: "SINCH_KEY_SECRET" },
      region: null,
      baseUrl: server.url,
      tokenUrl: null,
      from: null,
      reports: null,
      prices: [],
      dayCap: null,
      limits: { requestsPerSecond: 1, segmentsPerSecond: null, inFlight: 1 },
      unknown: { lookUpAfterSeconds: [], resendTransactionalAfterSeconds: 300 },
    };
    const request = { method: "POST", url: `${server.url}/oauth2/token`, headers: {}, body: null } as const;
    const startProcess = (
      encryptionKey: Sensitive<Buffer> | null = null,
      cells: TokenCells = bundle.openAnother().tokens,
    ): SharedTokens =>
      createSharedTokens({
        cells: fleetClock.shift(cells),
        fetchToken: (of) => fetchToken({ http, request, account: of, log: silentLog }),
        usesToken: () => usesToken,
        encryptionKey,
        refreshEveryMs: REFRESH_EVERY_MS,
        log: silentLog,
        clock: fleetClock,
      });
    return {
      account,
      callsAt,
      cells: bundle.engine.tokens,
      advance: fleetClock.advance,
      startProcess,
      answerWith: (next: typeof answer) => {
        answer = next;
      },
    };
  }

  const failing = (response: ServerResponse) => answerJson(response, 503, {});
  const refusing = (response: ServerResponse) => answerJson(response, 401, { error: "invalid_client" });

  async function generations(
    asked: Promise<{ generation: number } | null>[],
  ): Promise<Set<number | undefined>> {
    return new Set((await Promise.all(asked)).map((token) => token?.generation));
  }

  function gapsOf(callsAt: readonly number[]): number[] {
    return callsAt.slice(1).map((at, index) => at - (callsAt[index] ?? 0));
  }

  test("a thousand senders in two processes that start at once cost one token call", async () => {
    const { account, callsAt, startProcess } = await setup();
    const processes = [startProcess(), startProcess()];
    const asked = processes.flatMap((one) => Array.from({ length: 500 }, () => one.get(account)));
    const tokens = await Promise.all(asked);
    expect(new Set(tokens.map((token) => token?.value.reveal()))).toEqual(new Set(["token-1"]));
    expect(await generations(asked)).toEqual(new Set([1]));
    expect(callsAt.length).toBe(1);
  });

  test("everyone goes on with the old token while one process refreshes", async () => {
    const { account, callsAt, startProcess, advance, answerWith } = await setup();
    const [one, other] = [startProcess(), startProcess()];
    await Promise.all([one.get(account), other.get(account)]);
    const held: (() => void)[] = [];
    answerWith((response) =>
      held.push(() => answerJson(response, 200, { access_token: "new", expires_in: 3600 })),
    );
    advance(HOUR_MS - 5 * MINUTE_MS);
    for (let count = 0; count < 10; count += 1) {
      expect(await generations([one.get(account), other.get(account)])).toEqual(new Set([1]));
    }
    await expect.poll(() => held.length).toBe(1);
    // A process that starts in the middle of it goes on with the old token, too.
    const young = startProcess();
    expect(await generations([one.get(account), other.get(account), young.get(account)])).toEqual(
      new Set([1]),
    );
    held[0]?.();
    for (const process of [one, other, young]) {
      await expect.poll(async () => (await process.get(account))?.value.reveal()).toBe("new");
    }
    expect(callsAt.length).toBe(2);
  });

  test("a token inside its margin is not refreshed by those who use it", async () => {
    const { account, callsAt, startProcess, advance } = await setup();
    const tokens = startProcess();
    await tokens.get(account);
    advance(HOUR_MS - 7 * MINUTE_MS);
    expect(await generations([tokens.get(account), startProcess().get(account)])).toEqual(new Set([1]));
    expect(callsAt.length).toBe(1);
  });

  test("a token whose life is over is handed out to nobody", async () => {
    const { account, callsAt, startProcess, advance } = await setup();
    const processes = [startProcess(), startProcess()];
    await Promise.all(processes.map((one) => one.get(account)));
    advance(HOUR_MS + 1);
    const asked = processes.flatMap((one) => Array.from({ length: 100 }, () => one.get(account)));
    expect(await generations(asked)).toEqual(new Set([2]));
    expect(callsAt.length).toBe(2);
  });

  test("a thousand simultaneous 401s in two processes cost one token call", async () => {
    const { account, callsAt, startProcess, advance } = await setup();
    const processes = [startProcess(), startProcess()];
    await Promise.all(processes.map((one) => one.get(account)));
    advance(2_000);
    const asked = processes.flatMap((one) => Array.from({ length: 500 }, () => one.rejected(account, 1)));
    expect(await generations(asked)).toEqual(new Set([2]));
    expect(await generations(processes.map((one) => one.get(account)))).toEqual(new Set([2]));
    expect(callsAt.length).toBe(2);
  });

  test("a late 401 of a generation that is gone costs no token call", async () => {
    const { account, callsAt, startProcess, advance } = await setup();
    const [one, other] = [startProcess(), startProcess()];
    await Promise.all([one.get(account), other.get(account)]);
    advance(2_000);
    await one.rejected(account, 1);
    expect(await generations([one.rejected(account, 1), other.rejected(account, 1)])).toEqual(new Set([2]));
    expect(callsAt.length).toBe(2);
  });

  test("a server that hands out the same refused token again is asked once a second at most", async () => {
    const { account, callsAt, startProcess, answerWith } = await setup();
    answerWith((response) => answerJson(response, 200, { access_token: "same", expires_in: 3600 }));
    const processes = [startProcess(), startProcess()];
    for (let generation = 1; generation <= 3; generation += 1) {
      expect(await generations(processes.map((one) => one.get(account)))).toEqual(new Set([generation]));
      await Promise.all(processes.map((one) => one.rejected(account, generation)));
    }
    expect(callsAt.length).toBe(4);
    for (const gap of gapsOf(callsAt)) expect(gap).toBeGreaterThan(GAP_MS_MIN);
  });

  test.each([0, -1])(
    "expires_in %j is no end: the token is refreshed on the schedule and not before",
    async (expiresIn) => {
      const { account, callsAt, startProcess, advance } = await setup({ expiresIn });
      const processes = [startProcess(), startProcess()];
      for (let round = 0; round < 20; round += 1) {
        expect(await generations(processes.map((one) => one.get(account)))).toEqual(new Set([1]));
      }
      await Promise.all(processes.map((one) => one.refreshIfDue(account)));
      expect(callsAt.length).toBe(1);
      advance(REFRESH_EVERY_MS);
      await Promise.all(processes.map((one) => one.refreshIfDue(account)));
      expect(await generations(processes.map((one) => one.get(account)))).toEqual(new Set([2]));
      expect(callsAt.length).toBe(2);
    },
  );

  test.each([0.0001, "1"])("a life of %j seconds is no hot loop", async (expiresIn) => {
    const { account, callsAt, startProcess } = await setup({ expiresIn });
    const processes = [startProcess(), startProcess()];
    let newest = 0;
    while (newest < 3) {
      for (const token of await Promise.all(processes.map((one) => one.get(account)))) {
        newest = Math.max(newest, token?.generation ?? 0);
      }
    }
    expect(callsAt.length).toBeLessThanOrEqual(4);
    for (const gap of gapsOf(callsAt)) expect(gap).toBeGreaterThan(GAP_MS_MIN);
  });

  test("a failing server is asked three times, then not again for a while", async () => {
    const { account, callsAt, startProcess, advance, answerWith } = await setup();
    const tokens = startProcess();
    answerWith(failing);
    const asked = await Promise.allSettled(Array.from({ length: 100 }, () => tokens.get(account)));
    for (const end of asked) expect(end).toMatchObject({ reason: { code: "token_unavailable" } });
    expect(callsAt.length).toBe(3);
    for (const gap of gapsOf(callsAt)) expect(gap).toBeGreaterThan(GAP_MS_MIN);
    await expect(tokens.get(account)).rejects.toMatchObject({
      code: "token_unavailable",
      message: expect.stringMatching(`Cannot get a token for account ${account.name}: 503 from 127.0.0.1:`),
    });
    expect(callsAt.length).toBe(3);
    answerWith((response) => answerJson(response, 200, { access_token: "at-last", expires_in: 3600 }));
    advance(5_000);
    expect((await tokens.get(account))?.value.reveal()).toBe("at-last");
  });

  test("a failure that passes between two tries is not seen by those who wait", async () => {
    const { account, callsAt, startProcess, answerWith } = await setup();
    answerWith((response, count) =>
      count === 1
        ? failing(response)
        : answerJson(response, 200, { access_token: "second", expires_in: 3600 }),
    );
    expect((await startProcess().get(account))?.value.reveal()).toBe("second");
    expect(callsAt.length).toBe(2);
  });

  test("a Retry-After longer than a sender may wait ends the tries and is kept to", async () => {
    const { account, callsAt, startProcess, advance, answerWith } = await setup();
    const tokens = startProcess();
    answerWith((response) => void response.writeHead(429, { "retry-after": "60" }).end());
    await expect(tokens.get(account)).rejects.toMatchObject({ code: "token_unavailable" });
    advance(50_000);
    await expect(tokens.get(account)).rejects.toMatchObject({ code: "token_unavailable" });
    expect(callsAt.length).toBe(1);
    advance(11_000);
    await expect(tokens.get(account)).rejects.toMatchObject({ code: "token_unavailable" });
    expect(callsAt.length).toBe(2);
  });

  test("with the token server away the old token is used to its end, then there is none", async () => {
    const { account, callsAt, startProcess, advance, answerWith } = await setup();
    const tokens = startProcess();
    await tokens.get(account);
    answerWith(failing);
    advance(HOUR_MS - 5 * MINUTE_MS);
    expect(await generations([tokens.get(account)])).toEqual(new Set([1]));
    await expect.poll(() => callsAt.length).toBe(4);
    expect(await generations([tokens.get(account), tokens.get(account)])).toEqual(new Set([1]));
    advance(5 * MINUTE_MS);
    await expect(tokens.get(account)).rejects.toMatchObject({ code: "token_unavailable" });
  });

  test("a refusal is remembered for a minute, and an operator need not wait for that", async () => {
    const { account, callsAt, startProcess, advance, answerWith } = await setup();
    const tokens = startProcess();
    answerWith(refusing);
    const refused = {
      code: "credentials_refused",
      message: expect.stringContaining("Check SINCH_KEY_SECRET."),
    };
    for (let count = 0; count < 20; count += 1)
      await expect(tokens.get(account)).rejects.toMatchObject(refused);
    expect(callsAt.length).toBe(1);
    advance(MINUTE_MS);
    await expect(tokens.get(account)).rejects.toMatchObject(refused);
    expect(callsAt.length).toBe(2);
    answerWith((response) => answerJson(response, 200, { access_token: "mended", expires_in: 3600 }));
    await expect(tokens.get(account)).rejects.toMatchObject(refused);
    expect((await tokens.refresh(account))?.value.reveal()).toBe("mended");
    expect((await tokens.get(account))?.value.reveal()).toBe("mended");
  });

  test("processes that are refused take turns a second apart, not the whole lease", async () => {
    const { account, callsAt, startProcess, answerWith } = await setup();
    answerWith(refusing);
    const processes = [startProcess(), startProcess(), startProcess()];
    await Promise.allSettled(processes.map((one) => one.get(account)));
    expect(callsAt.length).toBe(3);
    for (const gap of gapsOf(callsAt)) {
      expect(gap).toBeGreaterThan(GAP_MS_MIN);
      expect(gap).toBeLessThan(10_000);
    }
  });

  test("a process that dies with the lease is replaced when the lease is over", async () => {
    const { account, callsAt, cells, startProcess } = await setup();
    expect(await cells.lease(account.name, { holder: "dead", generation: 0, holdMs: 600 })).toBe("granted");
    expect(await generations([startProcess().get(account), startProcess().get(account)])).toEqual(
      new Set([1]),
    );
    expect(callsAt.length).toBe(1);
  });

  test("a refresher that comes back after its lease was taken over does not overwrite the newer token", async () => {
    const { account, cells, startProcess, answerWith } = await setup();
    let finish = () => {};
    const called = new Promise<void>((resolve) => {
      answerWith((response, count) => {
        finish = () => answerJson(response, 200, { access_token: `late-${count}`, expires_in: 3600 });
        resolve();
      });
    });
    const briefly = {
      ...cells,
      lease: (of, lease) => cells.lease(of, { ...lease, holdMs: 100 }),
    } satisfies TokenCells;
    const late = startProcess(null, briefly).get(account);
    await called;
    const theft = { holder: "thief", generation: 0, holdMs: 60_000 };
    await expect.poll(() => cells.lease(account.name, theft)).toBe("granted");
    expect(
      await cells.write(account.name, { holder: "thief", sealed: "plain:stolen", lifeMs: HOUR_MS }),
    ).toBe(true);
    finish();
    expect((await late)?.value.reveal()).toBe("stolen");
  });

  test("the five-minute job refreshes at its period, or at 80 % of a shorter life", async () => {
    const { account, callsAt, startProcess, advance } = await setup();
    const tokens = startProcess();
    await tokens.refreshIfDue(account);
    expect(callsAt.length).toBe(1);
    advance(REFRESH_EVERY_MS - 5_000);
    await tokens.refreshIfDue(account);
    expect(callsAt.length).toBe(1);
    advance(5_000);
    await tokens.refreshIfDue(account);
    expect(callsAt.length).toBe(2);

    const short = await setup({ expiresIn: 100 });
    const shortTokens = short.startProcess();
    await shortTokens.refreshIfDue(short.account);
    short.advance(75_000);
    await shortTokens.refreshIfDue(short.account);
    expect(short.callsAt.length).toBe(1);
    short.advance(5_000);
    await shortTokens.refreshIfDue(short.account);
    expect(short.callsAt.length).toBe(2);
  });

  test("two schedulers at once cost one token call", async () => {
    const { account, callsAt, startProcess, advance } = await setup();
    const processes = [startProcess(), startProcess()];
    await Promise.all(processes.map((one) => one.get(account)));
    advance(REFRESH_EVERY_MS);
    await Promise.all(processes.map((one) => one.refreshIfDue(account)));
    expect(callsAt.length).toBe(2);
    expect(await processes[0]?.show(account)).toMatchObject({ generation: 2 });
  });

  test("an operator's refresh reaches the other processes within seconds", async () => {
    const { account, startProcess, advance } = await setup();
    const [one, other] = [startProcess(), startProcess()];
    await Promise.all([one.get(account), other.get(account)]);
    advance(2_000);
    expect(await one.refresh(account)).toMatchObject({ generation: 2 });
    advance(5_000);
    await expect.poll(async () => (await other.get(account))?.generation).toBe(2);
  });

  test("a token lies in the engine sealed, and a process with another key fetches its own without a loop", async () => {
    const { account, callsAt, cells, startProcess, advance } = await setup();
    const key = sensitive(randomBytes(32));
    const first = startProcess(key);
    await first.get(account);
    expect((await cells.read(account.name))?.sealed).not.toContain("token-1");
    expect((await startProcess(key).get(account))?.value.reveal()).toBe("token-1");
    const stranger = startProcess(sensitive(randomBytes(32)));
    expect((await stranger.get(account))?.value.reveal()).toBe("token-2");
    advance(10_000);
    for (let count = 0; count < 20; count += 1)
      await Promise.all([first.get(account), stranger.get(account)]);
    expect(callsAt.length).toBe(2);
  });

  test("show tells age, life and generation, and never the token", async () => {
    const { account, startProcess } = await setup();
    const tokens = startProcess();
    expect(await tokens.show(account)).toBeNull();
    await tokens.get(account);
    const info = await tokens.show(account);
    expect(info).toMatchObject({ generation: 1, lifeMs: HOUR_MS });
    expect((info?.ageMs ?? 0) + (info?.remainingMs ?? 0)).toBeCloseTo(HOUR_MS);
    expect(JSON.stringify(info)).not.toContain("token");
  });

  test("an account with a fixed key has no token and costs no call", async () => {
    const { account, callsAt, startProcess } = await setup({ usesToken: false });
    const tokens = startProcess();
    expect(await tokens.get(account)).toBeNull();
    expect(await tokens.rejected(account, 1)).toBeNull();
    expect(await tokens.refresh(account)).toBeNull();
    await tokens.refreshIfDue(account);
    expect(callsAt.length).toBe(0);
  });
});

/** A clock for the whole fleet, engine included: what was written before an advance is that much older after it. */
function createFleetClock() {
  let addedMs = 0;
  const writtenAtMs = new Map<string, number>();
  return {
    nowMs: () => performance.now() + addedMs,
    wait: (ms: number) => wait(ms).then(() => undefined),
    advance(ms: number) {
      addedMs += ms;
    },
    shift(cells: TokenCells): TokenCells {
      return {
        ...cells,
        async read(account) {
          const cell = await cells.read(account);
          if (cell === null) return null;
          const olderMs = addedMs - (writtenAtMs.get(account) ?? 0);
          return { ...cell, ageMs: cell.ageMs + olderMs, remainingMs: cell.remainingMs - olderMs };
        },
        async write(account, next) {
          const written = await cells.write(account, next);
          if (written) writtenAtMs.set(account, addedMs);
          return written;
        },
      };
    },
  };
}
