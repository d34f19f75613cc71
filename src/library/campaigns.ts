// `volley.campaigns`: drafts that take recipients, and what becomes of them.

import { takeBack } from "../../jobs/reconcile.ts";
import { releaseCampaign } from "../../jobs/release-campaign.ts";
import { readStoredTemplate } from "../domain/batch.ts";
import type { CampaignState, StateCounts } from "../domain/campaign.ts";
import { VolleyError } from "../domain/errors.ts";
import { isUuid } from "../domain/ids.ts";
import type { CampaignId, MessageClass } from "../domain/message.ts";
import { type CountryCode, parseCountry } from "../domain/phone-number.ts";
import { addRecipients, type Upload } from "../intake/add-recipients.ts";
import { type CampaignDraft, createDraft, draftOf, startCampaign } from "../intake/campaign-draft.ts";
import { expectMoved } from "../intake/expect-moved.ts";
import { previewCampaign } from "../intake/preview.ts";
import { type RecipientObject, recipientsOf } from "../intake/recipient-objects.ts";
import { type RetriedCampaign, type RetryRequest, retryCampaign } from "../intake/retry-failed.ts";
import { showPreview } from "../intake/show-preview.ts";
import type { Campaign as StoredCampaign } from "../ledger/campaigns.ts";
import type { Parts } from "../parts.ts";
import { inBackground } from "./background.ts";
import { type Schedule, written } from "./schedule.ts";

export type CreateCampaign = Schedule & {
  readonly name: string;
  /** The text, with fields of the recipients: "Hi {{name}}". */
  readonly template: string;
  readonly from?: string;
  /** Default: marketing. */
  readonly class?: MessageClass;
  readonly account?: string;
};

export type Progress = StoredCampaign & { readonly counts: StateCounts };

/** Amounts are decimal text in `currency`, times are ISO 8601. */
export type CampaignPreview = ReturnType<typeof showPreview>;

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
  /** What it would be: segments, cost, when it would be done, samples, warnings. Counts every message. */
  readonly preview: () => Promise<CampaignPreview>;
  readonly start: () => Promise<CampaignState>;
  readonly pause: () => Promise<CampaignState>;
  readonly resume: () => Promise<CampaignState>;
  readonly cancel: () => Promise<CampaignState>;
  readonly progress: () => Promise<Progress>;
  /** A new campaign of what failed; null id: nothing was left to retry. It runs at once. */
  readonly retryFailed: (request?: RetryRequest) => Promise<RetriedCampaign>;
};

export type Campaigns = {
  /** A draft: add recipients, then start it. */
  readonly create: (campaign: CreateCampaign) => Promise<Campaign>;
  /** Null: there is no such campaign. */
  readonly get: (id: string) => Promise<Campaign | null>;
};

export function createCampaigns(parts: Parts): Campaigns {
  return {
    async create(draft) {
      return openCampaign(parts, await createDraft(parts, toDraft(draft), parts.rules));
    },
    async get(id) {
      const found = isUuid(id) ? await parts.ledger.campaigns.find(id as CampaignId) : null;
      return found === null ? null : openCampaign(parts, found.id);
    },
  };
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
      const found = await stored();
      const country = options.country === undefined ? undefined : countryOf(options.country);
      const source = recipientsOf(numbered(recipients), readStoredTemplate(found.template), country);
      return addRecipients(parts, draftOf(found), source, {
        rules,
        onProgress: options.onProgress,
      });
    },
    async preview() {
      return showPreview(await previewCampaign(parts, draftOf(await stored()), rules));
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
    async cancel() {
      const state = expectMoved(await ledger.campaigns.cancel(id), "cancel");
      inBackground(takeBack(parts, id));
      return state;
    },
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

function toDraft(draft: CreateCampaign): CampaignDraft {
  const { name, template, from, account, sendAt, timeZone } = draft;
  return {
    name,
    template,
    from: from ?? null,
    class: draft.class ?? "marketing",
    account: account ?? null,
    sendAt: written(sendAt) ?? null,
    timeZone: timeZone ?? null,
  };
}

function countryOf(code: string): CountryCode {
  const reading = parseCountry(code);
  if (!reading.ok) throw new VolleyError("usage", reading.reason);
  return reading.country;
}
