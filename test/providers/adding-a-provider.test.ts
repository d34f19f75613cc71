// The worked example of docs/adding-a-provider.md: a fifth provider, which conforms, sends over HTTP, and is added to
// a copy of Volley by the lines of the page alone.

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { describe, expect, onTestFinished, test } from "vitest";
import { acme } from "../../examples/adding-a-provider/acme.ts";
import { acmeCase } from "../../examples/adding-a-provider/acme-bodies.ts";
import { acmeSimulated } from "../../examples/adding-a-provider/acme-simulator.ts";
import { sensitive } from "../../src/domain/sensitive.ts";
import { createHttpClient } from "../../src/platform/http-client.ts";
import { createTransport } from "../../src/providers/transport.ts";
import { parseFault } from "../../src/simulator/faults.ts";
import { createSimulatorOf } from "../../src/simulator/server.ts";
import { startReceiver } from "../simulator/receiver.ts";
import { describeProvider } from "./conformance.ts";
import { accountOf, numberAt, plainBatch, reply, reportAccess } from "./support.ts";

const ROOT = join(import.meta.dirname, "../..");
const EXAMPLE = "examples/adding-a-provider";
const page = readFileSync(join(ROOT, "docs/adding-a-provider.md"), "utf8");
const blocks = [...page.matchAll(/^```(\w+) (\S+)\n(.*?)^```$/gms)].map(
  ([, language = "", path = "", text = ""]) => ({ language, path, text }),
);

describeProvider(acmeCase);

describe("Acme's tables", () => {
  const read = (status: number, body: unknown, size = 1) =>
    acme.readResponse(reply(status, body), plainBatch(size));
  const answer = (item: object) => ({ reference: plainBatch(1).callId, messages: [item] });

  test.each([
    ["invalid_number", { kind: "rejected", reason: "invalid-recipient" }],
    ["no_route", { kind: "rejected", reason: "no-coverage" }],
    ["brand_new", { kind: "unknown", reason: "unlisted-error" }],
  ])("a message with the error %s", (error, outcome) => {
    expect(read(200, answer({ to: numberAt(0), error })).outcomes).toEqual([outcome]);
  });

  test("an answer under another reference is nobody's acceptance", () => {
    const strange = { ...answer({ to: numberAt(0), id: "a1" }), reference: "another" };
    expect(read(200, strange).outcomes).toMatchObject([{ kind: "unknown" }]);
  });

  test("a refused batch is tried in smaller company, and rejected when it is one message", () => {
    expect(read(400, {}, 2).outcomes).toMatchObject([{ kind: "later" }, { kind: "later" }]);
    expect(read(400, {}, 1).outcomes).toMatchObject([{ kind: "rejected" }]);
  });

  test.each([
    ["sent", { state: "pending" }],
    ["expired", { state: "undelivered", permanent: false }],
    ["unknown_number", { state: "undelivered", permanent: true, optedOut: false }],
    ["blocked", { state: "undelivered", optedOut: true }],
  ])("a report that says %s", (status, expected) => {
    const item = { reference: plainBatch(1).callId, to: numberAt(0), status };
    expect(acme.reports?.readReports(JSON.stringify({ reports: [item] }))?.reports).toMatchObject([expected]);
  });
});

describe("Acme over HTTP", () => {
  async function setup(apiKey = "demo-key") {
    const simulator = await createSimulatorOf({ acme: acmeSimulated }, { reports: { delayMs: 0 } });
    onTestFinished(simulator.close);
    const http = createHttpClient({ connectionsPerOrigin: 1 });
    onTestFinished(http.close);
    const receiver = await startReceiver();
    const account = accountOf("acme", {
      login: { apiKey },
      baseUrl: simulator.baseUrl("acme"),
      reports: reportAccess({ url: sensitive(receiver.url) }),
    });
    const transport = createTransport({ http, providers: { acme } });
    return { simulator, receiver, send: (size: number) => transport.send(plainBatch(size), account, null) };
  }

  test("a batch is taken but for one number, and the reports find their messages", async () => {
    const { simulator, receiver, send } = await setup();
    simulator.setFaults("acme", [parseFault(`reject-recipient=${numberAt(1)}`)]);
    simulator.setReports("acme", { undeliveredShare: 0 });
    const { outcomes, trouble } = await send(3);
    expect(outcomes.map(({ kind }) => kind)).toEqual(["accepted", "rejected", "accepted"]);
    expect(trouble).toBeNull();
    const [post] = await receiver.until(1);
    const ids = outcomes.map((outcome) => (outcome.kind === "accepted" ? outcome.providerMessageId : null));
    expect(acme.reports?.readReports(post?.text ?? "")).toMatchObject({
      unreadable: 0,
      reports: [0, 2].map((index) => ({
        about: { callId: plainBatch(1).callId, to: numberAt(index), providerMessageId: ids[index] },
        state: "delivered",
      })),
    });
  });

  test("a wrong key sends nothing and is about the account", async () => {
    const { simulator, send } = await setup("a-wrong-key");
    const { outcomes, trouble } = await send(1);
    expect(outcomes).toMatchObject([{ kind: "later", usesTry: false }]);
    expect(trouble).toEqual({ kind: "token-rejected" });
    expect(simulator.accepted("acme")).toBe(0);
  });

  test.each([
    ["drop-after-accept", ["unknown", "unknown"], 2],
    ["429-retry-after", ["later", "later"], 0],
    ["503", ["unknown", "unknown"], 0],
    ["missing-items", ["unknown", "accepted"], 2],
  ])("the shared fault %s strikes it like the others", async (fault, kinds, accepted) => {
    const { simulator, send } = await setup();
    simulator.setFaults("acme", [parseFault(fault)]);
    expect((await send(2)).outcomes.map(({ kind }) => kind)).toEqual(kinds);
    expect(simulator.accepted("acme")).toBe(accepted);
  });
});

describe("the page", () => {
  test("quotes from all three files, and word for word", () => {
    const quotes = blocks.filter(({ language }) => language === "ts");
    expect(new Set(quotes.map(({ path }) => path)).size).toBe(3);
    for (const { path, text } of quotes) {
      expect(path.startsWith(`${EXAMPLE}/`)).toBe(true);
      expect(readFileSync(join(ROOT, path), "utf8").includes(text), text).toBe(true);
    }
    expect([...page.matchAll(/^```\w+/gm)].length).toBe(blocks.length);
  });

  test("adds Acme to a copy of Volley by its lines: it can be configured, and is simulated", async () => {
    const copy = await addAcme();
    const simulator = spawn(process.execPath, ["src/cli.ts", "simulate", "--port", "0"], { cwd: copy });
    onTestFinished(() => void simulator.kill("SIGKILL"));
    const said = simulator.stderr.setEncoding("utf8").toArray();
    const lines = createInterface({ input: simulator.stdout });
    const ended = once(simulator, "exit").then(async () => (await said).join(""));
    const [url] = await Promise.race([
      once(lines, "line"),
      ended.then((text) => Promise.reject(new Error(text))),
    ]);
    const refused = await fetch(`${url}/acme/v1/messages`, { method: "POST" });
    expect(refused.status).toBe(401);
    simulator.kill("SIGTERM");
    const printed = await ended;
    expect(printed).toContain(`provider: acme, baseUrl: "${url}/acme"`);
    const [settings = ""] = /^accounts:\n(?: .*\n)+/m.exec(printed) ?? [];
    writeFileSync(join(copy, "volley.yaml"), settings);
    const program =
      'import { loadConfig } from "./src/config.ts"; console.log(loadConfig().accounts.at(-1).provider)';
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ["--input-type=module", "--eval", program],
      { cwd: copy, env: {} },
    );
    expect(stdout).toBe("acme\n");
  });
});

/** The sources with the two files in their real places, and the page's lines in the two registries. */
async function addAcme(): Promise<string> {
  const copy = await mkdtemp(join(tmpdir(), "volley-acme-"));
  onTestFinished(() => rm(copy, { recursive: true, force: true }));
  for (const path of ["src", "jobs", "package.json"])
    cpSync(join(ROOT, path), join(copy, path), { recursive: true });
  symlinkSync(join(ROOT, "node_modules"), join(copy, "node_modules"));
  for (const [file, folder] of [
    ["acme.ts", "providers"],
    ["acme-simulator.ts", "simulator"],
  ] as const) {
    const source = readFileSync(join(ROOT, EXAMPLE, file), "utf8");
    const moved = source.replaceAll(`"../../src/${folder}/`, '"./').replaceAll('"../../src/', '"../');
    writeFileSync(join(copy, "src", folder, "acme.ts"), moved);
  }
  const changes = blocks.filter(({ language }) => language === "diff");
  expect(changes.map(({ path }) => basename(path))).toEqual(["index.ts", "registry.ts"]);
  for (const { path, text } of changes) {
    const file = join(copy, path);
    writeFileSync(file, addLines(readFileSync(file, "utf8"), text));
  }
  return copy;
}

/** Each new line goes behind the known line that stands before it in the change. */
function addLines(source: string, change: string): string {
  const lines = source.split("\n");
  let at = lines.findIndex((line) => line.startsWith("import"));
  for (const line of change.trimEnd().split("\n")) {
    const text = line.slice(1);
    if (line.startsWith("+")) lines.splice(at, 0, text);
    else at = lines.indexOf(text);
    expect(at, text).toBeGreaterThanOrEqual(0);
    at += 1;
  }
  return lines.join("\n");
}
