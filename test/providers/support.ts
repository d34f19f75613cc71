// Accounts, messages and batches for the provider tests.

import type { Account, ReportAccess } from "../../src/domain/account.ts";
import type { Batch, OutgoingMessage } from "../../src/domain/batch.ts";
import type { CallId, MessageId } from "../../src/domain/message.ts";
import type { PhoneNumber } from "../../src/domain/phone-number.ts";
import { sensitive } from "../../src/domain/sensitive.ts";
import { parseTemplate, renderTemplate, type Template } from "../../src/domain/template.ts";
import { isProviderName, providers } from "../../src/providers/index.ts";
import type { HttpResponse, LookUpQuestion } from "../../src/providers/provider.ts";

export const callId = "00000000-0007-4000-8000-000000000001" as CallId;

const credentials: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  sinch: { projectId: "project-1", keyId: "key-1", keySecret: "s3cret~." },
  infobip: { clientId: "client-1", clientSecret: "s3cret~." },
  smscx: { applicationId: "application-1", applicationSecret: "s3cret~." },
  "mobile-digital": { clientId: "client-1", clientSecret: "s3cret~." },
};

export function accountOf(
  provider: string,
  overrides: Partial<Account> & { readonly login?: Readonly<Record<string, string>> } = {},
): Account {
  const { login = credentials[provider] ?? {}, ...rest } = overrides;
  const entries = Object.entries(login);
  const hasOwnHost = isProviderName(provider) && providers[provider].facts.hasOwnHost;
  return {
    name: `main-${provider}`,
    provider,
    credentials: Object.fromEntries(entries.map(([name, value]) => [name, sensitive(value)])),
    credentialSources: Object.fromEntries(entries.map(([name]) => [name, `TEST_${name.toUpperCase()}`])),
    region: null,
    baseUrl: hasOwnHost ? `https://${provider}.example` : null,
    tokenUrl: null,
    from: null,
    reports: null,
    prices: [],
    dayCap: null,
    limits: { requestsPerSecond: 10, segmentsPerSecond: null, inFlight: 10 },
    unknown: { lookUpAfterSeconds: [30], resendTransactionalAfterSeconds: 300 },
    ...rest,
  };
}

/** The account with reports asked for, and the URL that its requests then hold. */
export const reportUrl = "https://sms.example.org/reports/main/secret-of-the-path-1";

export function reportAccess(overrides: Partial<ReportAccess> = {}): ReportAccess {
  return {
    secret: sensitive("secret-of-the-path-1"),
    url: sensitive(reportUrl),
    hmacSecret: null,
    basic: null,
    oauth2: null,
    overdueAfterMs: 86_400_000,
    ...overrides,
  };
}

export function numberAt(index: number): PhoneNumber {
  return `+4479009${String(index).padStart(5, "0")}` as PhoneNumber;
}

export function messageOf(index: number, text: string, values: readonly string[] = []): OutgoingMessage {
  return {
    id: `018f0000-0000-7000-9000-${String(index).padStart(12, "0")}` as MessageId,
    to: numberAt(index),
    text: sensitive(text),
    values: values.map((value) => sensitive(value)),
    segments: 1,
    attempts: 0,
    deferrals: 0,
  };
}

export function templateOf(source: string): Template {
  const reading = parseTemplate(source);
  if (!reading.ok) throw new Error(reading.reason);
  return reading.template;
}

export function plainBatch(size: number, text = "Hello"): Batch {
  const messages = Array.from({ length: size }, (_, index) => messageOf(index, text));
  return { callId, template: null, from: null, messages };
}

export function templateBatch(source: string, rows: readonly (readonly string[])[]): Batch {
  const template = templateOf(source);
  const messages = rows.map((values, index) => messageOf(index, renderTemplate(template, values), values));
  return { callId, template, from: "Volley", messages };
}

export function reply(status: number, body: unknown, headers: Record<string, string> = {}): HttpResponse {
  return { status, headers, body: typeof body === "string" ? body : JSON.stringify(body) };
}

export function questionOf(batch: Batch, openedAt = new Date("2026-11-22T12:00:00Z")): LookUpQuestion {
  return { ...batch, openedAt };
}

/** How many values a JSON text has, the outermost one included. */
export function valueCount(text: string): number {
  let count = 0;
  JSON.parse(text, (_key, value) => {
    count += 1;
    return value;
  });
  return count;
}

/** The JSON text with one of its values, at any depth, replaced by another. */
export function replaceValue(text: string, index: number, replacement: unknown): string {
  let at = -1;
  const changed: unknown = JSON.parse(text, (_key, value) => {
    at += 1;
    return at === index ? replacement : value;
  });
  return JSON.stringify(changed) ?? "";
}
