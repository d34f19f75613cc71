// A simulator for one test, and the plainest client for it: fetch, with the headers that the vendors ask for.

import { onTestFinished } from "vitest";
import type { SimulatorOptions } from "../../src/simulator/options.ts";
import type { SimulatedProviderName } from "../../src/simulator/registry.ts";
import { createSimulator, type Simulator } from "../../src/simulator/server.ts";

export type Answer = {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body as JSON; undefined when it is none. */
  readonly json: unknown;
};

export type Setup = {
  readonly simulator: Simulator;
  /** Moves the simulator's clock; it stands still otherwise. */
  readonly passMs: (ms: number) => void;
  readonly askToken: (provider: SimulatedProviderName, change?: Partial<TokenAsk>) => Promise<Answer>;
  readonly token: (provider: SimulatedProviderName, scope?: string) => Promise<string>;
  readonly post: (path: string, token: string | null, body: unknown, headers?: Extra) => Promise<Answer>;
  readonly get: (path: string, token: string | null) => Promise<Answer>;
};

type Extra = Readonly<Record<string, string>>;
type TokenAsk = {
  readonly secret: string;
  readonly scope: string;
  readonly grantType: string;
  readonly contentType: string;
  readonly method: string;
};

/** 2026-01-01, so that dates in expected bodies can be written by hand. */
export const START_MS = Date.UTC(2026, 0, 1);

export const SINCH_BATCHES = "/sinch/xms/v1/demo-project/batches";
export const INFOBIP_SEND = "/infobip/sms/3/messages";
export const INFOBIP_LOGS = "/infobip/sms/3/logs";
export const SMSCX_SEND = "/smscx/sms";
export const MOBILE_DIGITAL_SEND = "/mobile-digital/sendSMS";

export async function startSimulator(options: SimulatorOptions = {}): Promise<Setup> {
  let nowMs = 5000;
  const clock = { nowMs: () => nowMs, wallMs: () => START_MS + nowMs - 5000 };
  const simulator = await createSimulator({ clock, keepDetails: true, ...options });
  onTestFinished(simulator.close);

  const askToken: Setup["askToken"] = (provider, change = {}) => {
    const { secret = "demo-secret", scope, grantType = "client_credentials", method = "POST" } = change;
    // Infobip takes the secret in the form, the others by HTTP Basic.
    const inForm = provider === "infobip" ? { client_id: "demo-id", client_secret: secret } : {};
    const asked = scope === undefined ? {} : { scope };
    const form = new URLSearchParams({ grant_type: grantType, ...inForm, ...asked });
    return ask(simulator.tokenUrl(provider), {
      method,
      headers: {
        ...(provider === "infobip" ? {} : { authorization: `Basic ${btoa(`demo-id:${secret}`)}` }),
        "content-type": change.contentType ?? "application/x-www-form-urlencoded",
      },
      body: method === "POST" ? form.toString() : null,
    });
  };
  return {
    simulator,
    passMs: (ms) => {
      nowMs += ms;
    },
    askToken,
    token: async (provider, scope) => {
      const { json } = await askToken(provider, scope === undefined ? {} : { scope });
      return (json as { access_token: string }).access_token;
    },
    post: (path, token, body, headers = {}) =>
      ask(simulator.url + path, {
        method: "POST",
        headers: { "content-type": "application/json", ...bearer(token), ...headers },
        body: typeof body === "string" ? body : JSON.stringify(body),
      }),
    get: (path, token) => ask(simulator.url + path, { headers: bearer(token) }),
  };
}

export async function ask(url: string, init: RequestInit): Promise<Answer> {
  const response = await fetch(url, init);
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, json: parse(text) };
}

function bearer(token: string | null): Extra {
  return token === null ? {} : { authorization: `Bearer ${token}` };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
