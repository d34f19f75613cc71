// The commands that stay up: the service, its health and its end; migrations beside each other; the simulators.

import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { findFreePort } from "../../src/platform/free-port.ts";
import { createSimulator, type Simulator } from "../../src/simulator/server.ts";
import { createDatabase } from "../support/database.ts";
import { startPostgres } from "../support/postgres-server.ts";
import { redisUrl } from "../support/redis.ts";
import { accountAt, type CommandFolder, createCommandFolder } from "../support/volley-command.ts";

let simulator: Simulator;
beforeAll(async () => {
  simulator = await createSimulator();
});
afterAll(() => simulator.close());

/** Ends with the test, as do all its commands. */
async function openFolder(settings: object): Promise<CommandFolder> {
  const folder = await createCommandFolder({
    accounts: [accountAt(simulator.url, "sinch"), accountAt(simulator.url, "mobile-digital")],
    server: { port: 0 },
    ...settings,
  });
  onTestFinished(() => folder.remove());
  return folder;
}

async function openDatabase(): Promise<string> {
  const database = await createDatabase({ empty: true });
  onTestFinished(() => database.drop());
  return database.url;
}

async function startService(folder: CommandFolder) {
  const service = folder.start(["start"]);
  const line = await service.untilSays("Volley is up");
  const url = /http:\/\/\S+?(?=:? )/.exec(line)?.[0].replace(/:$/, "") ?? "";
  const ask = async (path: string) => {
    const reply = await fetch(`${url}${path}`);
    return { status: reply.status, body: (await reply.json()) as { status: string; faults: string[] } };
  };
  return { ...service, line, ask };
}

describe("start", () => {
  it("is alive and ready, sends what others accept, outlives its database, and stops without it", async () => {
    const postgres = await startPostgres();
    onTestFinished(() => postgres.stop());
    const folder = await openFolder({ database: postgres.url });
    const service = await startService(folder);
    expect(service.line).toMatch(/^Volley is up on http:\S+: role all, accounts sinch, mobile-digital\.$/);
    expect(await service.ask("/healthz")).toEqual({ status: 200, body: { status: "ok" } });
    expect(await service.ask("/readyz")).toEqual({ status: 200, body: { status: "ready", faults: [] } });

    await folder.write("people.csv", "phone,name\n+46701740605,Ada\n+61412345678,Di\n");
    const created = await folder.run([
      ...["campaign", "create", "--csv", "people.csv", "--name", "spring", "--template", "Hi {{name}}"],
    ]);
    const watched = await folder.run(["campaign", "watch", created.stdout.trim(), "--json"]);
    expect(JSON.parse(watched.stdout)).toMatchObject({ state: "completed", counts: { accepted: 2 } });

    // A command that is at work when the database goes, too, ends with one line.
    const reading = folder.start(
      [...["campaign", "create", "--csv", "-", "--name", "lost", "--template", "Hi {{name}}"]],
      { input: `phone,name\n${manyPeople(300_000)}` },
    );
    await reading.untilSays("reading");
    await postgres.crash();
    const lost = await reading.ended;
    expect(lost).toMatchObject({ code: 1, stdout: "" });
    expect(lost.stderr).toMatch(/\nvolley: (The database was lost|Cannot use the database)[^\n]+\n$/);
    expect(lost.stderr).not.toMatch(/^ {4}at /m);

    const { status, body } = await service.ask("/readyz");
    expect(status).toBe(503);
    expect(body.status).toBe("not ready");
    expect(body.faults).toContainEqual(expect.stringMatching(/^database: .*ECONNREFUSED/));
    expect(await service.ask("/healthz")).toMatchObject({ status: 200 });

    await postgres.restart();
    await expect.poll(async () => (await service.ask("/readyz")).status).toBe(200);
    await postgres.crash();
    service.signal("SIGTERM");
    const { code, stdout, stderr } = await service.ended;
    expect({ code, stdout }).toEqual({ code: 0, stdout: "" });
    expect(stderr).toContain("\nSIGTERM: draining ...\n");
    expect(stderr.endsWith("\nStopped.\n")).toBe(true);
    expect(stderr).not.toMatch(/^ {4}at /m);
  });

  it("lets the calls in flight end before it exits 0", async () => {
    simulator.setLatency("mobile-digital", { latencyMs: 500 });
    onTestFinished(() => simulator.setLatency("mobile-digital", { latencyMs: 0 }));
    const folder = await openFolder({ database: await openDatabase() });
    const service = await startService(folder);
    const calls = simulator.callCount("mobile-digital");
    const rows = Array.from({ length: 200 }, (_, index) => `+61412${String(index).padStart(6, "0")}\n`);
    const create = ["campaign", "create", "--csv", "-", "--name", "slow", "--template", "Hi", "--account"];
    const created = await folder.run([...create, "mobile-digital"], { input: `phone\n${rows.join("")}` });
    await simulator.untilCalls("mobile-digital", calls + 20);
    service.signal("SIGTERM");
    expect((await service.ended).code).toBe(0);
    const shown = await folder.run(["campaign", "show", created.stdout.trim(), "--json"]);
    const { counts } = JSON.parse(shown.stdout);
    expect(Object.keys(counts).toSorted()).toEqual(["accepted", "queued"]);
  });

  it("works on Redis as well", async () => {
    const folder = await openFolder({ database: await openDatabase(), redis: redisUrl() });
    const service = await startService(folder);
    expect(await service.ask("/readyz")).toEqual({ status: 200, body: { status: "ready", faults: [] } });
    service.signal("SIGINT");
    expect((await service.ended).code).toBe(0);
  });

  it("comes up while Redis is away, is not ready, and still stops when it is told to", async () => {
    const port = await findFreePort();
    const folder = await openFolder({ database: await openDatabase(), redis: `redis://127.0.0.1:${port}` });
    const service = await startService(folder);
    const { status, body } = await service.ask("/readyz");
    expect(status).toBe(503);
    expect(body.faults).toEqual([expect.stringContaining(`Cannot reach Redis at redis://127.0.0.1:${port}`)]);
    service.signal("SIGTERM");
    expect((await service.ended).code).toBe(0);
  });
});

it("migrate may run twice, and five times at once", async () => {
  const folder = await openFolder({ database: await openDatabase() });
  const runs = await Promise.all(Array.from({ length: 5 }, () => folder.run(["migrate"])));
  expect(runs.map(({ code, stderr }) => [code, stderr])).toEqual(
    runs.map(() => [0, "Ledger, engine and queue are up to date.\n"]),
  );
  expect(await folder.run(["migrate"])).toMatchObject({ code: 0 });
});

it("simulate prints its address alone on stdout, counts what it accepted, and exits 0 when it is stopped", async () => {
  const folder = await createCommandFolder(null);
  onTestFinished(() => folder.remove());
  const behaviour = ["--rate", "5", "--latency", "300", "--fault", "token-down=1x"];
  const simulate = folder.start(["simulate", "--port", "0", ...behaviour]);
  const url = await simulate.untilSays("http://127.0.0.1:");
  expect(await simulate.untilSays("credentials: { projectId: demo-project")).toContain(
    "keySecret: demo-secret",
  );
  const summary = (await (await fetch(`${url}/_/summary`)).json()) as object;
  expect(summary).toMatchObject({ sinch: { accepted: 0 }, "mobile-digital": { accepted: 0 } });
  const post = (path: string, authorization: string, body = "", type = "application/json") =>
    fetch(`${url}${path}`, { method: "POST", headers: { authorization, "content-type": type }, body });
  const login = `Basic ${btoa("demo-id:demo-secret")}`;
  const logIn = () =>
    post(
      "/mobile-digital/oauth2/token",
      login,
      "grant_type=client_credentials",
      "application/x-www-form-urlencoded",
    );
  expect((await logIn()).status).toBe(503);
  const token = Object(await (await logIn()).json());
  const startedAtMs = performance.now();
  const message = JSON.stringify({ recipient: "+61400000000", message: "Hello" });
  const sent = await Promise.all(
    Array.from({ length: 30 }, () =>
      post("/mobile-digital/sendSMS", `Bearer ${token.access_token}`, message),
    ),
  );
  expect(new Set(sent.map(({ status }) => status))).toEqual(new Set([200, 429]));
  // Timers may be a millisecond early.
  expect(performance.now() - startedAtMs).toBeGreaterThanOrEqual(299);
  simulate.signal("SIGINT");
  expect(await simulate.ended).toMatchObject({ code: 0, stdout: `${url}\n` });
});

function manyPeople(count: number): string {
  return Array.from({ length: count }, (_, index) => `+4670${String(index).padStart(7, "0")},Ada\n`).join("");
}
