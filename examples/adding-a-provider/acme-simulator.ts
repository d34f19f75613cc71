// Acme SMS, which does not exist, as its documents would describe it: the simulator of docs/adding-a-provider.md.
// Written from the vendor's pages and not from our adapter, so that the two can disagree.

import { randomUUID } from "node:crypto";
import { measureText } from "../../src/domain/sms-text.ts";
import { isJsonObject, parseJsonBody } from "../../src/simulator/json-body.ts";
import {
  type FaultStatus,
  type Incoming,
  jsonReply,
  type ProviderFaults,
  type Reply,
  type SendAnswer,
  type SendRefused,
  type SendRequest,
  type SimulatedProvider,
  type SimulatorTools,
} from "../../src/simulator/provider.ts";
import type { Fate, ReportOrder, ReportWire } from "../../src/simulator/report-order.ts";
import { defineSimulated } from "../../src/simulator/simulated.ts";

type AcmeSettings = { readonly apiKey: string };

export const acmeSimulated = defineSimulated<AcmeSettings>({
  credentials: { apiKey: "demo-key" },
  defaults: { apiKey: "demo-key" },
  build: createAcme,
});

const MESSAGES_MAX = 100;
const NUMBER = /^\+[1-9]\d{6,14}$/;
const RETRY_WAITS_MS = [10_000, 60_000];

type AcmeMessage = { readonly to: string; readonly text: string };
type AcmeRequest = {
  readonly reference: string;
  readonly reportUrl: string | null;
  readonly messages: readonly AcmeMessage[];
};

const reports: ReportWire = {
  perPostMax: 50,
  wrap: (items) => `{"reports":[${items.join(",")}]}`,
  retry: (tries) => RETRY_WAITS_MS[tries - 1] ?? "given-up",
};

function createAcme(settings: AcmeSettings, { faults }: SimulatorTools): SimulatedProvider {
  function readSend(incoming: Incoming): SendRequest | SendRefused {
    if (incoming.headers.authorization !== `Key ${settings.apiKey}`) return refuse(faultReply(401));
    const request = readRequest(incoming.body);
    if (request === null) return refuse(jsonReply(400, { error: "invalid_request" }));
    const { reference, messages } = request;
    return {
      kind: "send",
      reference,
      recipients: messages.map(({ to }) => to.slice(1)),
      segments: messages.reduce((sum, { text }) => sum + measureText(text).segments, 0),
      textOf: (index) => messages[index]?.text ?? null,
      accept: (isIncomplete) => take(request, { faults, isIncomplete }),
    };
  }

  return {
    tokenPath: null,
    tokens: null,
    isSend: ({ method, path }) => method === "POST" && path === "/v1/messages",
    readSend,
    isLookUp: () => false,
    answerOther: () => jsonReply(404, { error: "not_found" }),
    faultReply,
    reports,
    reset: () => {},
  };
}

function readRequest(bytes: Buffer): AcmeRequest | null {
  const body = parseJsonBody(bytes);
  if (body === null) return null;
  const { reference, reportUrl = null, messages } = body;
  if (typeof reference !== "string" || !(reportUrl === null || typeof reportUrl === "string")) return null;
  if (!Array.isArray(messages) || messages.length === 0 || messages.length > MESSAGES_MAX) return null;
  return messages.every(isMessage) ? { reference, reportUrl, messages } : null;
}

function isMessage(value: unknown): value is AcmeMessage {
  if (!isJsonObject(value)) return false;
  const { to, text } = value;
  return typeof to === "string" && NUMBER.test(to) && typeof text === "string" && text !== "";
}

function take(
  { reference, reportUrl, messages }: AcmeRequest,
  { faults, isIncomplete }: { readonly faults: ProviderFaults; readonly isIncomplete: boolean },
): SendAnswer {
  const items = messages.map(({ to }) =>
    faults.isRejected(to.slice(1)) ? { to, error: "invalid_number" } : { to, id: randomUUID() },
  );
  const taken = items.filter((item) => item.id !== undefined);
  const named = items.filter((_item, index) => !isIncomplete || index % 2 === 1);
  return {
    ...jsonReply(200, { reference, messages: named }),
    refused: new Set(items.flatMap(({ id }, index) => (id === undefined ? [index] : []))),
    reports: [orderReports(reference, reportUrl, taken)],
  };
}

function orderReports(
  reference: string,
  url: string | null,
  taken: readonly { readonly to: string; readonly id?: string | undefined }[],
): ReportOrder {
  const write = (about: object, fate: Fate, atMs: number) =>
    JSON.stringify({ ...about, status: wordOf(fate), at: new Date(atMs).toISOString() });
  return {
    url,
    recipients: taken.map(({ to }) => to.slice(1)),
    intermediate: false,
    write: (index, fate, atMs) => write({ reference, ...taken[index] }, fate, atMs),
    writeStray: (atMs) =>
      write({ reference: randomUUID(), to: "+10000000", id: randomUUID() }, { kind: "delivered" }, atMs),
  };
}

function wordOf(fate: Fate): string {
  switch (fate.kind) {
    case "pending":
      return "sent";
    case "delivered":
      return "delivered";
    case "undelivered":
      return fate.roll < 0.5 ? "unknown_number" : "expired";
    default:
      return fate satisfies never;
  }
}

function faultReply(status: FaultStatus): Reply {
  return jsonReply(status, { error: `http_${status}` });
}

function refuse(reply: Reply): SendRefused {
  return { kind: "refused", reply, reference: null, recipients: [] };
}
