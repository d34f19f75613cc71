// The whole system by one command, as a newcomer meets it.

import { expect, it, onTestFinished } from "vitest";
import { createCommandFolder } from "../support/volley-command.ts";

it("demo sends a campaign through four providers, sums up on stdout, stays up when it is told to, and exits 0", async () => {
  const folder = await createCommandFolder(null);
  onTestFinished(folder.remove);
  const demo = folder.start(["demo", "--recipients", "400", "--keep"]);
  const [url = ""] = /http:\/\/127\.0\.0\.1:\d+/.exec(await demo.untilSays("Staying up")) ?? [];
  expect((await fetch(`${url}/readyz`)).status).toBe(200);
  expect(await (await fetch(`${url}/`)).text()).toContain("<title>");
  demo.signal("SIGINT");
  const { code, stdout, stderr } = await demo.ended;
  expect(code, stderr).toBe(0);
  expect(stderr).toContain("A campaign to 400 people, from a CSV file");
  expect(stdout).toContain("The simulated providers say: 400 people got exactly one message each.");
  for (const provider of ["sinch", "infobip", "smscx", "mobile-digital"]) {
    expect(stdout).toMatch(new RegExp(`^${provider} +\\d+ / \\d+`, "m"));
  }
});
