// The first of the two commands that a new user types, as a process of its own.

import { expect, it, onTestFinished } from "vitest";
import { createCommandFolder } from "../support/volley-command.ts";

it("the demo sends to everybody once, stays up when it is asked to, and ends with 0", async () => {
  const folder = await createCommandFolder(null);
  onTestFinished(folder.remove);
  const demo = folder.start(["demo", "--recipients", "300", "--keep"]);
  const line = await demo.untilSays("Staying up");
  const [url = ""] = /http:\/\/[^/\s]+/.exec(line) ?? [];
  expect((await fetch(`${url}/readyz`)).status).toBe(200);
  expect(await (await fetch(`${url}/`)).text()).toContain("<title>");
  demo.signal("SIGTERM");
  const { code, stdout, stderr } = await demo.ended;
  expect(code, stderr).toBe(0);
  expect(stdout + stderr).toMatch(/\d+ people got exactly one message each/);
}, 120_000);
