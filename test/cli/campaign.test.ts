// Campaigns and messages from the command line, against simulated providers: data on stdout, talk on stderr.

import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { createSimulator, type Simulator } from "../../src/simulator/server.ts";
import { createDatabase, type TestDatabase } from "../support/database.ts";
import { accountAt, type CommandFolder, createCommandFolder } from "../support/volley-command.ts";

// Each command is a process, which takes a busy machine some seconds.

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[78][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const TIME = /^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const PEOPLE = `phone,name
+46701740605,Ada
070-174 06 06,Bo
+46701740605,Ada again
12,Cy
+46701740607,
+61412345678,Di
`;
const TEMPLATE = ["--template", "Hi {{name}}"];

let database: TestDatabase;
let simulator: Simulator;
let folder: CommandFolder;

beforeAll(async () => {
  [database, simulator] = await Promise.all([createDatabase(), createSimulator({ keepDetails: true })]);
  folder = await createCommandFolder({
    database: database.url,
    accounts: [accountAt(simulator.url, "sinch"), accountAt(simulator.url, "mobile-digital")],
    routes: [{ prefix: "+61", accounts: ["mobile-digital"] }, { accounts: ["sinch"] }],
  });
  await folder.write("people.csv", PEOPLE);
  await folder.write(
    "others.csv",
    PEOPLE.replaceAll("0174", "0175").replace("070-174", "070-175").replace("345678", "340175"),
  );
});
afterAll(async () => {
  await folder.remove();
  await simulator.close();
  await database.drop();
});

async function ok(args: readonly string[], input?: string): Promise<{ stdout: string; stderr: string }> {
  const { code, stdout, stderr } = await folder.run(args, input === undefined ? {} : { input });
  expect(code, stderr).toBe(0);
  return { stdout, stderr };
}

const json = async (args: readonly string[], input?: string): Promise<unknown> =>
  JSON.parse((await ok([...args, "--json"], input)).stdout);

const create = (name: string, csv: string, ...more: string[]) => [
  ...["campaign", "create", "--csv", csv, "--name", name, "--country", "SE", ...TEMPLATE],
  ...more,
];

it("create --json prints the intake's counts and nothing else on stdout, and nothing is sent", async () => {
  const before = simulator.accepted("sinch");
  const intake = await json(create("counts", "people.csv"));
  expect(intake).toEqual({
    id: expect.stringMatching(UUID),
    accepted: 3,
    duplicates: 1,
    suppressed: 0,
    invalid: 2,
  });
  expect(simulator.accepted("sinch")).toBe(before);
});

it("create prints the id alone on stdout; what was wrong with rows and how to go on stands on stderr", async () => {
  const { stdout, stderr } = await ok(create("plain", "people.csv"));
  const id = stdout.trim();
  expect(id).toMatch(UUID);
  expect(stdout).toBe(`${id}\n`);
  expect(stderr).toContain("3 accepted, 1 duplicates, 0 suppressed, 2 invalid\n  row 5: ");
  expect(stderr).toContain('\n  row 6: The column "name" is empty.\n');
  expect(stderr).toContain(`volley campaign watch ${id}\n`);
});

it("create reads standard input, and stops reading it as soon as it cannot go on", async () => {
  const intake = await json(create("stdin", "-"), PEOPLE);
  expect(intake).toMatchObject({ accepted: 3, duplicates: 1, invalid: 2 });
  const refused = await folder.run(create("stdin", "-"), {
    input: `phone,city\n${"+46701740605,Lund\n".repeat(100_000)}`,
  });
  expect(refused).toMatchObject({ code: 2, stdout: "" });
});

describe("create --wait", () => {
  let id: string;

  it("sends, and prints one JSON document with how it ended", async () => {
    const ended = Object(await json(create("waited", "others.csv", "--wait")));
    id = ended.id;
    expect(ended).toEqual({
      ...{ id: expect.stringMatching(UUID), accepted: 3, duplicates: 1, suppressed: 0, invalid: 2 },
      ...{ state: "completed", total: 3, counts: { accepted: 3 } },
      ...{ startedAt: expect.stringMatching(TIME), finishedAt: expect.stringMatching(TIME) },
    });
  });

  it("was sent once to each, through the account of each one's route", async () => {
    expect(simulator.texts("sinch", "+46701750605")).toEqual(["Hi Ada"]);
    expect(simulator.texts("sinch", "+46701750606")).toEqual(["Hi Bo"]);
    expect(simulator.texts("mobile-digital", "+61412340175")).toEqual(["Hi Di"]);
  });

  it("is shown by show, watch and list, as a table and as JSON", async () => {
    const state = {
      ...{ id, state: "completed", total: 3, counts: { accepted: 3 } },
      ...{ startedAt: expect.stringMatching(TIME), finishedAt: expect.stringMatching(TIME) },
    };
    expect(await json(["campaign", "show", id])).toEqual(state);
    expect(await json(["campaign", "watch", id.toUpperCase()])).toEqual(state);
    expect((await ok(["campaign", "show", id])).stdout).toMatch(
      /^CAMPAIGN {2}STATE {6}TOTAL {2}ACCEPTED\nwaited {4}completed {2}3 {6}3\n$/,
    );
    const [newest] = (await json(["campaign", "list", "--limit", "1"])) as unknown[];
    expect(newest).toMatchObject({ id, name: "waited", class: "marketing", state: "completed", total: 3 });
    expect((await ok(["campaign", "list"])).stdout).toContain(`${id}  waited  marketing  completed  3`);
  });

  it("lists its messages, and each of them with what became of it", async () => {
    const messages = (await json(["message", "list", "--campaign", id])) as { id: string; to: string }[];
    expect(messages.map(({ to }) => to).toSorted()).toEqual(["+46701750605", "+46701750606", "+61412340175"]);
    const ofOne = ["message", "list", "--campaign", id, "--to", "+61412340175", "--state", "accepted"];
    const [one, ...others] = (await json(ofOne)) as { id: string }[];
    expect(others).toEqual([]);
    expect(await json(["message", "show", one?.id ?? ""])).toMatchObject({
      id: one?.id,
      campaignId: id,
      to: "+61412340175",
      state: "accepted",
      account: "mobile-digital",
      attempts: 1,
      history: [],
    });
    const since = ["message", "list", "--campaign", id, "--since", "2020-01-01T00:00Z"];
    expect(await json(since)).toHaveLength(3);
    const failed = ["message", "list", "--campaign", id, "--state", "failed"];
    expect(await json(failed)).toEqual([]);
    expect(await json(["message", "list", "--since", "2999-01-01"])).toEqual([]);
    expect((await ok(["message", "show", one?.id ?? ""])).stdout).toMatch(
      /^ID {2,}TO {2,}STATE .*\n.*accepted/,
    );
  });
});

it("create takes column, sender, class and account as it is told, and plain lines tell how far it is", async () => {
  await folder.write("contacts.csv", "phone,cell,name\n+46701740690,+61412340691,Ada\n");
  const told = ["--column", "cell", "--from", "Acme", "--class", "reminder", "--account", "sinch"];
  const { stdout, stderr } = await ok(create("told", "contacts.csv", ...told, "--wait"));
  const [campaign] = (await json(["campaign", "list", "--limit", "1"])) as { id: string }[];
  expect(campaign).toMatchObject({ class: "reminder", sender: "Acme", account: "sinch" });
  expect(simulator.texts("sinch", "+61412340691")).toEqual(["Hi Ada"]);
  expect(stdout.split("\n")[0]).toBe(campaign?.id);
  expect(stderr).toContain("\ntold 100 % 1/1");
  // No bar and no control characters.
  for (const mark of ["█", "░", "\u001b", "\r"]) expect(stderr).not.toContain(mark);
});

/** As a URL, for a space in a path would end the option. */
const TERMINAL = pathToFileURL(join(import.meta.dirname, "../support/terminal-process.ts"));
const ON_TERMINAL = { NODE_OPTIONS: `--import=${TERMINAL.href}` };

it("on a terminal there is a bar, and what is too wide for it is shown in blocks of lines", async () => {
  const { code, stdout, stderr } = await folder.run(create("bar", "contacts.csv", "--wait"), {
    env: ON_TERMINAL,
  });
  expect(code, stderr).toBe(0);
  expect(stderr).toContain("bar ████████████████████████ 100 % 1/1");
  expect(stdout).toMatch(/^CAMPAIGN {2}STATE/m);
  const listed = await folder.run(["message", "list", "--limit", "2"], {
    env: ON_TERMINAL,
  });
  expect(listed.stdout).toMatch(/^ID {11}\S{36}\nTO {11}\+\d+\nSTATE {8}accepted\n/);
  expect(listed.stdout).toMatch(/\nCHANGED {6}20\S+\n\nID /);
});

describe("send", () => {
  it("prints the message's id, and leaves the sending to workers", async () => {
    const { stdout, stderr } = await ok(["send", "--to", "+46701740650", "--text", "Later"]);
    const id = stdout.trim();
    expect(id).toMatch(UUID);
    expect(stderr).toBe(`queued. See: volley message show ${id}\n`);
    const asJson = await json(["send", "--to", "+46701740650", "--text", "Later ".repeat(40)]);
    expect(asJson).toEqual({ id: expect.stringMatching(UUID), state: "queued", segments: 2 });
  });

  it("--wait sends from this process and prints what became of it", async () => {
    const args = ["send", "--to", "+46701740651", "--text", "Now", "--from", "Acme", "--wait"];
    expect(await json(args)).toMatchObject({ state: "accepted", account: "sinch", attempts: 1, history: [] });
    expect(simulator.texts("sinch", "+46701740651")).toEqual(["Now"]);
  });

  it("--wait ends with the reason when the provider refuses", async () => {
    simulator.setFaults("sinch", [{ name: "reject-recipient", numbers: ["+46701740652"] }]);
    onTestFinished(() => simulator.setFaults("sinch", []));
    const message = await json(["send", "--to", "+46701740652", "--text", "No", "--wait"]);
    expect(message).toMatchObject({ state: "rejected", reason: expect.stringMatching(/^[a-z0-9-]+$/) });
  });

  it("--account wins over the routes", async () => {
    const args = ["send", "--to", "+61412345699", "--text", "G'day", "--account", "sinch", "--wait"];
    expect(await json(args)).toMatchObject({ state: "accepted", account: "sinch" });
  });
});

it("token show tells age, life and generation, and never the token", async () => {
  await ok(["token", "refresh", "sinch"]);
  const rows = await json(["token", "show"]);
  expect(rows).toEqual([
    {
      account: "sinch",
      generation: expect.any(Number),
      ageMs: expect.any(Number),
      remainingMs: expect.any(Number),
      lifeMs: 3_600_000,
    },
    expect.objectContaining({ account: "mobile-digital" }),
  ]);
  const { stdout } = await ok(["token", "show"]);
  expect(stdout).toMatch(
    /^ACCOUNT +GENERATION +AGE +LEFT +LIFE\nsinch +\d+ +\d+ s +(59 min \d+ s|1 h 0 min) +1 h 0 min\n/,
  );
});

it("whoever stops a campaign that he waits for loses no call that was in flight", async () => {
  simulator.setLatency("mobile-digital", { latencyMs: 300 });
  onTestFinished(() => simulator.setLatency("mobile-digital", { latencyMs: 0 }));
  const rows = Array.from({ length: 500 }, (_, index) => `+61412${String(index).padStart(6, "0")},Ed\n`);
  await folder.write("many.csv", `phone,name\n${rows.join("")}`);
  const calls = simulator.callCount("mobile-digital");
  const running = folder.start(create("stopped", "many.csv", "--wait"));
  await simulator.untilCalls("mobile-digital", calls + 30);
  running.signal("SIGINT");
  const { code, stdout, stderr } = await running.ended;
  expect(code).toBe(1);
  const id = stdout.trim();
  expect(stderr).toMatch(
    new RegExp(`volley: Stopped before the end\\. The campaign goes on .*: volley campaign watch ${id}\\n$`),
  );
  const shown = Object(await json(["campaign", "show", id]));
  expect(Object.keys(shown.counts).toSorted()).toEqual(["accepted", "queued"]);
  const sent = rows.filter((row) =>
    simulator.acceptedPerRecipient("mobile-digital").has(row.slice(1, row.indexOf(","))),
  );
  expect(shown.counts.accepted).toBe(sent.length);
});

it("whoever reads no further does not disturb", async () => {
  const running = folder.start(["campaign", "list"]);
  running.closeStdout();
  expect(await running.ended).toMatchObject({ code: 0, stderr: "" });
});

it("with nothing configured but an account, the embedded database is made in the folder, and shared with a service", async () => {
  const fresh = await createCommandFolder({
    accounts: [accountAt(simulator.url, "sinch")],
    server: { port: 0 },
  });
  onTestFinished(() => fresh.remove());
  const sent = await fresh.run(["send", "--to", "+46701740680", "--text", "First", "--wait", "--json"]);
  expect(sent.code, sent.stderr).toBe(0);
  expect(JSON.parse(sent.stdout)).toMatchObject({ state: "accepted" });
  const listed = await fresh.run(["message", "list", "--json"]);
  expect(JSON.parse(listed.stdout)).toMatchObject([{ id: JSON.parse(sent.stdout).id, state: "accepted" }]);

  const service = fresh.start(["start"]);
  await service.untilSays("Volley is up");
  const { stdout } = await fresh.run(["send", "--to", "+46701740680", "--text", "Second"]);
  const shown = async () => (await fresh.run(["message", "show", stdout.trim(), "--json"])).stdout;
  await expect
    .poll(async () => JSON.parse(await shown()).state, { timeout: 30_000, interval: 500 })
    .toBe("accepted");
  service.signal("SIGTERM");
  expect((await service.ended).code).toBe(0);
  expect(JSON.parse(await shown())).toMatchObject({ state: "accepted" });
});
