// The simulated providers in a process of their own, as the demo needs them: their work is not our work.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { VolleyError } from "../domain/errors.ts";

/** What the demo asks of `/_/summary`. */
export type ProviderSummary = {
  readonly accepted: number;
  readonly reports: { readonly delivered: number; readonly undelivered: number; readonly pending: number };
};

export type DemoSimulator = {
  readonly url: string;
  readonly summary: () => Promise<Readonly<Record<string, ProviderSummary>>>;
  readonly post: (path: string, body: object) => Promise<void>;
  /** Everybody who got a message through the provider, digits only, and how often. */
  readonly recipients: (provider: string) => AsyncGenerator<{ number: string; count: number }>;
  readonly stop: () => Promise<void>;
};

export async function startSimulator(options: readonly string[] = []): Promise<DemoSimulator> {
  const cli = fileURLToPath(
    new URL(import.meta.url.endsWith(".ts") ? "../cli.ts" : "../cli.js", import.meta.url),
  );
  const child = spawn(process.execPath, [cli, "simulate", "--port", "0", ...options], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const lines = createInterface({ input: child.stdout });
  const [url] = await Promise.race([
    once(lines, "line"),
    once(child, "exit").then(([code]) => {
      throw new VolleyError("port_taken", `The simulated providers did not start: exit code ${code}.`);
    }),
  ]);
  return {
    url,
    async summary() {
      const reply = await fetch(`${url}/_/summary`);
      // Our own simulator's answer.
      return (await reply.json()) as Readonly<Record<string, ProviderSummary>>;
    },
    async post(path, body) {
      const reply = await fetch(`${url}${path}`, { method: "POST", body: JSON.stringify(body) });
      if (!reply.ok) throw new VolleyError("usage", `The simulator refused ${path}: ${await reply.text()}`);
    },
    async *recipients(provider) {
      const reply = await fetch(`${url}/_/recipients?provider=${provider}`);
      if (reply.body === null) return;
      for await (const line of createInterface({ input: Readable.fromWeb(reply.body) }))
        yield JSON.parse(line);
    },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, "exit");
      child.kill("SIGTERM");
      await gone;
    },
  };
}
