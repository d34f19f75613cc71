// `volley send` and `volley message ...`: one message to one person, and what became of messages.

import { setTimeout as wait } from "node:timers/promises";
import { VolleyError } from "../domain/errors.ts";
import { isUuid } from "../domain/ids.ts";
import { type MessageClass, type MessageId, type MessageState, openStates } from "../domain/message.ts";
import { parsePhoneNumber } from "../domain/phone-number.ts";
import { parseMoment } from "../domain/time-zone.ts";
import { acceptMessage, type MessageDraft } from "../intake/accept-message.ts";
import { acceptMessageOnce } from "../intake/accept-once.ts";
import type { Message, PastAttempt } from "../ledger/messages.ts";
import type { ReportEntry } from "../ledger/reports.ts";
import type { LedgerParts } from "../ledger-parts.ts";
import { campaignId } from "./campaign.ts";
import { hideNumbers, print, printJson, printTable, say } from "./output.ts";
import { type GlobalOptions, withLedger, withParts, withWorker } from "./run.ts";

export type SendOptions = GlobalOptions & {
  readonly to: string;
  readonly text: string;
  readonly from?: string;
  readonly class: MessageClass;
  readonly account?: string;
  readonly at?: string;
  readonly timeZone?: string;
  readonly expiresAt?: string;
  readonly idempotencyKey?: string;
  readonly wait?: boolean;
  readonly json?: boolean;
};

export type ListOptions = GlobalOptions & {
  readonly campaign?: string;
  readonly state?: MessageState;
  readonly to?: string;
  readonly since?: string;
  readonly limit: number;
  readonly json?: boolean;
};

const POLL_MS = 100;
/** From its first moment on, UTC. */
const DAY_FORM = /^\d{4}-\d{2}-\d{2}$/;

export async function send(options: SendOptions): Promise<void> {
  await withParts(options, async (parts) => {
    const draft: MessageDraft = {
      to: options.to,
      text: options.text,
      from: options.from ?? null,
      class: options.class,
      account: options.account ?? null,
      time: { at: options.at, zone: options.timeZone, expiresAt: options.expiresAt },
    };
    const key = options.idempotencyKey;
    const accepted = await (key === undefined
      ? acceptMessage(parts, draft, parts.rules)
      : acceptMessageOnce(parts, { owner: "cli", key }, draft, parts.rules));
    if (accepted.chunk !== null) await parts.enqueue.chunks([accepted.chunk]);
    if (options.wait !== true) {
      if (options.json)
        return printJson({ id: accepted.id, state: accepted.state, segments: accepted.segments });
      print(accepted.id);
      return say(`${accepted.state}. See: volley message show ${accepted.id}`);
    }
    const advice = `The message waits for running workers. See: volley message show ${accepted.id}`;
    await withWorker(parts, (stopped) => untilSettled(parts, accepted.id, stopped), advice);
    await showOne(parts, accepted.id, options.json === true);
  });
}

async function untilSettled({ ledger }: LedgerParts, id: MessageId, stopped: AbortSignal): Promise<void> {
  const open: readonly MessageState[] = openStates;
  while (!stopped.aborted) {
    const message = await ledger.messages.find(id);
    if (message === null || !open.includes(message.state)) return;
    await wait(POLL_MS);
  }
}

export async function showMessage(text: string, options: GlobalOptions & { json?: boolean }): Promise<void> {
  const id = messageId(text);
  await withLedger(options, (parts) => showOne(parts, id, options.json === true));
}

async function showOne({ ledger }: LedgerParts, id: MessageId, asJson: boolean): Promise<void> {
  const message = await ledger.messages.find(id);
  if (message === null)
    throw new VolleyError("not_found", `There is no message ${id}. See: volley message list`);
  const [attempts, reports] = await Promise.all([ledger.messages.attempts(id), ledger.reports.ofMessage(id)]);
  if (asJson) return printJson({ ...message, history: attempts, reports });
  printMessages([message]);
  if (attempts.length > 0) printAttempts(attempts);
  if (reports.length > 0) printReports(reports);
}

function printAttempts(attempts: readonly PastAttempt[]): void {
  print();
  printTable(
    ["TRY", "ACCOUNT", "OPENED", "CLOSED", "OUTCOME", "REASON", "SETTLED"],
    attempts.map((one) => [
      one.number,
      one.account,
      one.openedAt.toISOString(),
      one.closedAt.toISOString(),
      one.late ? `${one.outcome} (late)` : one.outcome,
      one.reason,
      one.settledAs,
    ]),
  );
}

function printReports(reports: readonly ReportEntry[]): void {
  print();
  printTable(
    ["REPORTED", "HAPPENED", "STATE", "REASON", "CODE"],
    reports.map((one) => [
      one.receivedAt.toISOString(),
      one.happenedAt?.toISOString() ?? null,
      one.state,
      one.reason,
      one.code,
    ]),
  );
}

export async function listMessages(options: ListOptions): Promise<void> {
  const since = options.since === undefined ? undefined : readTime("--since", options.since);
  const to = options.to === undefined ? undefined : parsePhoneNumber(options.to);
  if (to?.ok === false) throw new VolleyError("usage", `--to: ${to.reason}`);
  const campaign = options.campaign === undefined ? undefined : campaignId(options.campaign);
  await withLedger(options, async ({ ledger }) => {
    const messages = await ledger.messages.list(
      {
        campaign,
        state: options.state,
        to: to?.number,
        since,
      },
      { limit: options.limit },
    );
    if (options.json) return printJson(messages);
    printMessages(messages);
  });
}

function printMessages(messages: readonly Message[]): void {
  printTable(
    ["ID", "TO", "STATE", "ACCOUNT", "TRIES", "REASON", "PROVIDER ID", "CHANGED"],
    messages.map((one) => [
      one.id,
      one.to,
      one.state,
      one.account,
      one.attempts,
      one.reason,
      one.providerMessageId,
      one.changedAt.toISOString(),
    ]),
  );
}

export function messageId(text: string): MessageId {
  const id = text.toLowerCase();
  if (!isUuid(id))
    throw new VolleyError("usage", `"${hideNumbers(text)}" is not a message's id. See: volley message list`);
  return id as MessageId;
}

export function readTime(option: string, text: string): Date {
  const moment = parseMoment(DAY_FORM.test(text) ? `${text}T00:00Z` : text, null);
  if (moment.ok) return new Date(moment.atMs);
  throw new VolleyError("usage", `${option} must be a time such as 2026-12-24 or 2026-12-24T09:00Z.`);
}
