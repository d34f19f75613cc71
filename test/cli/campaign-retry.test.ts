// Retries from the command line: what a provider refused is sent again by hand, once, and told in numbers.

import { afterAll, beforeAll, expect, it } from "vitest";
import { createSimulator, type Simulator } from "../../src/simulator/server.ts";
import { createDatabase, type TestDatabase } from "../support/database.ts";
import { accountAt, type CommandFolder, createCommandFolder } from "../support/volley-command.ts";

const NUMBERS = ["+61412345671", "+61412345672", "+61412345673", "+61412345674"];

let database: TestDatabase;
let simulator: Simulator;
let folder: CommandFolder;

beforeAll(async () => {
  [database, simulator] = await Promise.all([createDatabase(), createSimulator()]);
  folder = await createCommandFolder({
    database: database.url,
    accounts: [
      accountAt(simulator.url, "mobile-digital"),
      accountAt(simulator.url, "sinch", { from: "Acme" }),
    ],
    routes: [{ accounts: ["mobile-digital"] }],
  });
  simulator.setFaults("mobile-digital", [{ name: "reject-recipient", numbers: NUMBERS.slice(0, 2) }]);
});
afterAll(async () => {
  await folder.remove();
  await simulator.close();
  await database.drop();
});

async function json<T>(...args: string[]): Promise<T> {
  const { code, stdout, stderr } = await folder.run([...args, "--json"]);
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout);
}

async function failing(): Promise<string> {
  await folder.write("people.csv", `phone\n${NUMBERS.join("\n")}\n`);
  const args = ["--csv", "people.csv", "--name", "lost", "--template", "Hello", "--wait"];
  return (await json<{ id: string }>("campaign", "create", ...args)).id;
}

const none = { alreadyRetried: 0, suppressed: 0, mayHaveBeenSent: 0, refused: 0 };

it("retry-failed sends what failed through another account, and says what it left out", async () => {
  const id = await failing();
  const told = await json<{ id: string }>(
    ...["campaign", "retry-failed", id, "--state", "rejected", "failed"],
    ...["--account", "mobile-digital", "--since", "2026-01-01", "--through", "sinch", "--wait"],
  );
  expect(told).toMatchObject({
    ...{ accepted: 2, skipped: none, refusals: [], state: "completed", counts: { accepted: 2 } },
  });
  expect(simulator.accepted("sinch")).toBe(2);
  const messages = await json<{ retryOf: string; to: string }[]>("message", "list", "--campaign", told.id);
  expect(messages.map(({ to }) => to).toSorted()).toEqual(NUMBERS.slice(0, 2));
  const original = await json<{ to: string }>("message", "show", messages[0]?.retryOf ?? "");
  expect(original).toMatchObject({ to: messages[0]?.to, state: "rejected" });

  const again = await folder.run(["campaign", "retry-failed", id]);
  expect(again).toEqual({
    ...{ code: 0, stdout: "" },
    stderr: "0 accepted, 2 already retried, 0 suppressed, 0 may have been sent, 0 refused\n",
  });
});

it("without --wait it prints the new campaign's id and leaves the sending to workers", async () => {
  const id = await failing();
  const { code, stdout, stderr } = await folder.run(["campaign", "retry-failed", id]);
  expect(code, stderr).toBe(0);
  expect(stderr).toMatch(/^2 accepted, 0 already retried.*\nIt is sent by running workers/);
  expect(await json("campaign", "show", stdout.trim())).toMatchObject({ counts: { queued: 2 } });
});

it("message retry-failed sends single messages again", async () => {
  const since = new Date().toISOString();
  const args = ["--to", NUMBERS[0] ?? "", "--text", "Hello", "--wait"];
  const sent = await json<{ id: string; state: string }>("send", ...args);
  expect(sent.state).toBe("rejected");
  const retry = ["message", "retry-failed", "--since", since];
  expect(await json(...retry, "--reason", "another")).toMatchObject({ accepted: 0, skipped: none });
  expect(await json(...retry)).toEqual({ id: null, accepted: 1, skipped: none, refusals: [] });
  expect(await json(...retry)).toMatchObject({ accepted: 0, skipped: { ...none, alreadyRetried: 1 } });
  const [newest] = await json<object[]>("message", "list", "--limit", "1");
  expect(newest).toMatchObject({ retryOf: sent.id, campaignId: null, state: "queued", to: NUMBERS[0] });
});

it.each<[what: string, args: string[], fault: RegExp]>([
  ["an account that is not configured", ["--through", "nobody"], /no account is named "nobody"/],
  ["a state that is no failure", ["--state", "delivered"], /--state/],
  ["a time that is none", ["--since", "soon"], /--since must be a time/],
])("2, bad usage: %s", async (_what, args, fault) => {
  const ended = await folder.run(["message", "retry-failed", "--since", "2026-01-01", ...args]);
  expect(ended).toMatchObject({ code: 2, stdout: "" });
  expect(ended.stderr).toMatch(fault);
});

it("a campaign that is not there is told so, and --help names every option", async () => {
  const nobody = "0199a7b2-5f00-7c3e-8a55-0c8c4d2d7f11";
  expect(await folder.run(["campaign", "retry-failed", nobody])).toMatchObject({
    ...{ code: 1, stderr: `volley: There is no campaign ${nobody}.\n` },
  });
  for (const command of ["campaign", "message"]) {
    const { stdout } = await folder.run([command, "retry-failed", "--help"]);
    for (const option of [
      "state",
      "reason",
      "account",
      "through",
      "since",
      "until",
      "include-unknown",
      "json",
    ]) {
      expect(stdout).toContain(`--${option}`);
    }
  }
});
