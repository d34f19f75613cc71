// The library's face: Volley inside a program of your own. It writes to the same ledger as the command line and the
// HTTP API; what it accepts is sent by workers (`volley start`), or by this process when it is told to work.
//
// Nothing here waits for a queue: what is accepted is committed, and a queue that is away is told later.

import { releaseCampaign } from "../jobs/release-campaign.ts";
import { startWorker } from "../jobs/worker.ts";
import { loadConfig } from "./config.ts";
import { readStoredTemplate } from "./domain/batch.ts";
import type { CampaignState, StateCounts } from "./domain/campaign.ts";
import { VolleyError } from "./domain/errors.ts";
import type { CampaignId, MessageClass, MessageId, MessageState } from "./domain/message.ts";
import { type PhoneNumber, parseCountry, parsePhoneNumber } from "./domain/phone-number.ts";
import { acceptMessage, type MessageDraft } from "./intake/accept-message.ts";
import { acceptMessageOnce } from "./intake/accept-once.ts";
import { addRecipients, type Upload } from "./intake/add-recipients.ts";
import { createDraft, startCampaign } from "./intake/campaign-draft.ts";
import { expectMoved } from "./intake/expect-moved.ts";
import { type RecipientObject, recipientsOf } from "./intake/recipient-objects.ts";
import { type RetriedCampaign, type RetryRequest, retryCampaign } from "./intake/retry-failed.ts";
import type { Campaign as StoredCampaign } from "./ledger/campaigns.ts";
import type { Message } from "./ledger/messages.ts";
import { openParts, type Parts } from "./parts.ts";
import { createLog } from "./platform/log.ts";

export type {
  CampaignId,
  CampaignState,
  Message,
  MessageClass,
  MessageId,
  MessageState,
  RecipientObject,
  RetriedCampaign,
  RetryRequest,
  StateCounts,
  StoredCampaign,
  Upload,
};
export { VolleyError };

export type VolleyOptions = {
  /** Path of volley.yaml; absent: VOLLEY_CONFIG, else ./volley.yaml, else the defaults. */
  readonly config?: string;
};

/** When something is to be sent. */
export type Schedule = {
  /** An instant ("2026-12-24T09:00+01:00", or a Date), or a local time in `timeZone` ("2026-12-24T09:00"). */
  readonly sendAt?: string | Date;
  /** An IANA name, or "recipient": that of each number's country. */
  readonly timeZone?: string;
};

export type SendMessage = Schedule & {
  /** In international form: +46701740605. */
  readonly to: string;
  readonly text: string;
  /** A sender number or name; absent: the account's own. */
  readonly from?: string;
  /** Default: transactional. What may be done when nobody knows whether it was sent. */
  readonly class?: MessageClass;
  /** Absent: the routes choose. */
  readonly account?: string;
  /** Not sent from then on; absent, with `sendAt`: four hours later. */
  readonly expiresAt?: string | Date;
  /** Your own words for it; they come back in answers. */
  readonly reference?: string;
  readonly metadata?: Readonly<Record<string, string>>;
};

export type CreateCampaign = Schedule & {
  readonly name: string;
  /** The text, with fields of the recipients: "Hi {{name}}". */
  readonly template: string;
  readonly from?: string;
  /** Default: marketing. */
  readonly class?: MessageClass;
  readonly account?: string;
};

export type SentMessage = {
  readonly id: MessageId;
  readonly state: "queued" | "scheduled";
  readonly segments: number;
};

export type Progress = StoredCampaign & { readonly counts: StateCounts };

/** One campaign. Its methods throw a VolleyError with code `state_conflict` in a state in which they make no sense. */
export type Campaign = {
  readonly id: CampaignId;
  /**
   * Takes recipients as fast as the ledger does, in flat memory. Safe to repeat: people who are in the campaign are
   * duplicates. `country` is that of numbers without a country code.
   */
  readonly addRecipients: (
    recipients: AsyncIterable<RecipientObject> | Iterable<RecipientObject>,
    options?: { readonly country?: string; readonly onProgress?: (rows: number) => void },
  ) => Promise<Upload>;
  readonly start: () => Promise<CampaignState>;
  readonly pause: () => Promise<CampaignState>;
  readonly resume: () => Promise<CampaignState>;
  readonly cancel: () => Promise<CampaignState>;
  readonly progress: () => Promise<Progress>;
  /** A new campaign of what failed; null id: nothing was left to retry. It runs at once. */
  readonly retryFailed: (request?: RetryRequest) => Promise<RetriedCampaign>;
};

export type Volley = {
  readonly messages: {
    /** When it resolves, the message is committed. The same key and message, within a day, sends nothing new. */
    readonly send: (
      message: SendMessage,
      options?: { readonly idempotencyKey?: string },
    ) => Promise<SentMessage>;
    readonly get: (id: string) => Promise<Message | null>;
  };
  readonly campaigns: {
    /** A draft: add recipients, then start it. */
    readonly create: (campaign: CreateCampaign) => Promise<Campaign>;
    readonly get: (id: string) => Promise<Campaign | null>;
  };
  readonly optOuts: {
    /** When it resolves, nothing that has not left yet will leave. */
    readonly add: (number: string, reason?: string) => Promise<void>;
    /** False: this person had not opted out. */
    readonly remove: (number: string) => Promise<boolean>;
  };
  /** Sends from this process, too, until it is closed. */
  readonly work: () => Promise<void>;
  /** Lets calls in flight end, and gives all connections back. */
  readonly close: () => Promise<void>;
};

const DATABASE_WAIT_MS = 10_000;
const DRAIN_MS = 25_000;
const OPT_OUT_REASON = "added-by-program";

export async function openVolley({ config: path }: VolleyOptions = {}): Promise<Volley> {
  const config = loadConfig(path);
  const parts = await openParts(config, { log: createLog(config.log), waitMs: DATABASE_WAIT_MS });
  const closers: (() => Promise<void>)[] = [parts.close];
  return {
    messages: {
      send: (message, options) => send(parts, message, options?.idempotencyKey),
      get: (id) => parts.ledger.messages.find(id as MessageId),
    },
    campaigns: {
      async create(draft) {
        const id = await createDraft(parts, toDraft(draft), parts.rules);
        return openCampaign(parts, id);
      },
      async get(id) {
        const found = await parts.ledger.campaigns.find(id as CampaignId);
        return found === null ? null : openCampaign(parts, found.id);
      },
    },
    optOuts: {
      async add(number, reason = OPT_OUT_REASON) {
        await parts.ledger.suppressions.add([
          { number: numberOf(number), reason, source: "person", at: null },
        ]);
      },
      remove: (number) => parts.ledger.suppressions.remove(numberOf(number)),
    },
    async work() {
      const worker = await startWorker(parts);
      closers.push(() => worker.close(DRAIN_MS));
    },
    async close() {
      for (const close of closers.splice(0).reverse()) await close();
    },
  };
}

async function send(parts: Parts, message: SendMessage, key: string | undefined): Promise<SentMessage> {
  const { to, text, from, account, sendAt, timeZone, expiresAt, reference, metadata } = message;
  const draft: MessageDraft = {
    to,
    text,
    from: from ?? null,
    class: message.class ?? "transactional",
    account: account ?? null,
    time: { at: written(sendAt), zone: timeZone, expiresAt: written(expiresAt) },
    reference,
    metadata,
  };
  const { id, state, segments, chunk } = await (key === undefined
    ? acceptMessage(parts, draft, parts.rules)
    : acceptMessageOnce(parts, { owner: "library", key }, draft, parts.rules));
  if (chunk !== null) inBackground(parts.enqueue.chunks([chunk]));
  return { id, state, segments };
}

function openCampaign(parts: Parts, id: CampaignId): Campaign {
  const { ledger, rules } = parts;
  const stored = async () => {
    const found = await ledger.campaigns.find(id);
    if (found === null) throw new VolleyError("not_found", `There is no campaign ${id}.`);
    return found;
  };
  return {
    id,
    async addRecipients(recipients, options = {}) {
      const { sender, ...found } = await stored();
      const country = options.country === undefined ? undefined : countryOf(options.country);
      const source = recipientsOf(numbered(recipients), readStoredTemplate(found.template), country);
      return addRecipients(parts, { ...found, from: sender }, source, {
        rules,
        onProgress: options.onProgress,
      });
    },
    async start() {
      const state = expectMoved(await startCampaign(parts, await stored(), rules), "start");
      inBackground(releaseCampaign(parts, id));
      return state;
    },
    pause: async () => expectMoved(await ledger.campaigns.pause(id), "pause"),
    async resume() {
      const state = expectMoved(await ledger.campaigns.resume(id), "resume");
      inBackground(releaseCampaign(parts, id));
      return state;
    },
    cancel: async () => expectMoved(await ledger.campaigns.cancel(id), "cancel"),
    progress: async () => ({ ...(await stored()), counts: await ledger.campaigns.counts(id) }),
    async retryFailed(request = {}) {
      const retried = await retryCampaign(parts, id, request, rules);
      if (retried.id !== null) inBackground(releaseCampaign(parts, retried.id));
      return retried;
    },
  };
}

async function* numbered(objects: AsyncIterable<RecipientObject> | Iterable<RecipientObject>) {
  let rowNumber = 0;
  for await (const object of objects) {
    rowNumber += 1;
    yield { rowNumber, object };
  }
}

function toDraft(draft: CreateCampaign) {
  const { name, template, from, account, sendAt, timeZone } = draft;
  return {
    name,
    template,
    from: from ?? null,
    class: draft.class ?? ("marketing" as const),
    account: account ?? null,
    sendAt: written(sendAt) ?? null,
    timeZone: timeZone ?? null,
  };
}

function written(time: string | Date | undefined): string | undefined {
  return time instanceof Date ? time.toISOString() : time;
}

function numberOf(text: string): PhoneNumber {
  const reading = parsePhoneNumber(text);
  if (!reading.ok) throw new VolleyError("usage", reading.reason);
  return reading.number;
}

function countryOf(code: string) {
  const reading = parseCountry(code);
  if (!reading.ok) throw new VolleyError("usage", reading.reason);
  return reading.country;
}

/** What does not happen now, the sweep does. */
function inBackground(work: Promise<unknown>): void {
  work.catch(() => undefined);
}
