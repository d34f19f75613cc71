// [0] Campaigns: drafts, their start and their end, and how far they are. Recipients: campaign-recipients.ts.

import type { z } from "zod";
import { readStoredTemplate } from "../domain/batch.ts";
import type { CampaignId } from "../domain/message.ts";
import { openStates } from "../domain/message.ts";
import { addRecipients } from "../intake/add-recipients.ts";
import { type CampaignDraft, createDraft, draftOf, startCampaign } from "../intake/campaign-draft.ts";
import { expectMoved } from "../intake/expect-moved.ts";
import { recipientsOf } from "../intake/recipient-objects.ts";
import type { Moved } from "../ledger/campaign-moves.ts";
import type { Campaign } from "../ledger/campaigns.ts";
import {
  type campaign,
  campaignPage,
  campaignParams,
  campaignProgress,
  campaignQuery,
  createdCampaign,
  movedCampaign,
  newCampaign,
} from "./contract/campaigns.ts";
import { onceHeaders } from "./contract/fields.ts";
import { createCursor } from "./cursor.ts";
import type { Api, ApiDoors } from "./doors.ts";
import { createOnce } from "./once.ts";
import { notFound } from "./problem.ts";

const TAGS = ["campaigns"];
const write = { scope: "campaigns:write" } as const;
const read = { scope: "campaigns:read" } as const;

export function addCampaigns(api: Api, doors: ApiDoors): void {
  const { ledger, rules } = doors;
  const cursor = createCursor("campaigns", /^[0-9a-f-]{36}$/);

  api.post(
    "/campaigns",
    {
      config: write,
      schema: {
        summary: "Create a draft",
        description:
          "With its recipients, or without: then upload them. Nothing is sent before it is started.",
        tags: TAGS,
        headers: onceHeaders,
        body: newCampaign,
        response: { 201: createdCampaign },
      },
    },
    async (request, reply) => {
      const { recipients, ...body } = request.body;
      const draft = toDraft(body);
      const created = await createOnce(ledger, { request, reply, status: 201 }, async (creators) => {
        const id = await createDraft({ ledger: creators }, draft, rules);
        const entries = (recipients ?? []).map((object, index) => ({ rowNumber: index + 1, object }));
        const upload =
          recipients === undefined
            ? null
            : await addRecipients(
                { ledger: creators },
                { ...draft, id },
                recipientsOf(entries, readStoredTemplate(draft.template), undefined),
                { rules },
              );
        return { body: { ...newbornOf(id, draft, upload), upload } };
      });
      return reply.code(201).send(created);
    },
  );

  api.get(
    "/campaigns",
    {
      config: read,
      schema: {
        summary: "List campaigns, newest first",
        tags: TAGS,
        querystring: campaignQuery,
        response: { 200: campaignPage },
      },
    },
    async ({ query: { limit, cursor: after } }) => {
      const before = cursor.read(after) as CampaignId | undefined;
      const found = await ledger.campaigns.list({ before, limit });
      const last = found.length < limit ? null : (found.at(-1)?.id ?? null);
      return { data: found.map(toCampaign), next: cursor.write(last) };
    },
  );

  api.get(
    "/campaigns/:id",
    {
      config: read,
      schema: {
        summary: "One campaign and how far it is",
        tags: TAGS,
        params: campaignParams,
        response: { 200: campaignProgress },
      },
    },
    async ({ params: { id } }) => {
      const found = await findCampaign(doors, id);
      const [counts, overdue] = await Promise.all([
        ledger.campaigns.counts(id),
        ledger.reports.countOverdue(id),
      ]);
      const open = openStates.reduce((sum, state) => sum + (counts[state] ?? 0), 0);
      const { rate } = found;
      const secondsLeft = rate === null || rate <= 0 ? null : Math.ceil(open / rate);
      return { ...toCampaign(found), counts, overdue, rate, secondsLeft };
    },
  );

  function addMove(
    verb: "start" | "pause" | "resume" | "cancel",
    summary: string,
    move: (id: CampaignId) => Promise<Moved | "empty">,
    afterwards: (id: CampaignId) => void = () => undefined,
  ): void {
    api.post(
      `/campaigns/:id/${verb}`,
      {
        config: write,
        schema: { summary, tags: TAGS, params: campaignParams, response: { 200: movedCampaign } },
      },
      async ({ params: { id } }) => {
        const state = expectMoved(await move(id), verb);
        afterwards(id);
        return { id, state };
      },
    );
  }
  addMove(
    "start",
    "Send it, now or when its time comes",
    async (id) => startCampaign(doors, await findCampaign(doors, id), rules),
    doors.releaseCampaign,
  );
  addMove("pause", "Send nothing more of it until it is resumed", ledger.campaigns.pause);
  addMove("resume", "Go on with a paused campaign", ledger.campaigns.resume, doors.releaseCampaign);
  addMove("cancel", "Take back all of it that is not sent", ledger.campaigns.cancel, doors.takeBack);
}

export async function findCampaign({ ledger }: Pick<ApiDoors, "ledger">, id: CampaignId): Promise<Campaign> {
  const found = await ledger.campaigns.find(id);
  if (found === null) throw notFound("campaign");
  return found;
}

function toDraft(body: Omit<z.output<typeof newCampaign>, "recipients">): CampaignDraft {
  return {
    name: body.name,
    template: body.template,
    class: body.class,
    from: body.from ?? null,
    account: body.account ?? null,
    sendAt: body.sendAt ?? null,
    timeZone: body.timeZone ?? null,
  };
}

type Refused = { readonly duplicates: number; readonly suppressed: number; readonly invalid: number };

function newbornOf(id: CampaignId, draft: CampaignDraft, upload: Refused | null): z.output<typeof campaign> {
  const { duplicates = 0, suppressed = 0, invalid = 0 } = upload ?? {};
  return {
    ...draft,
    id,
    state: "draft",
    reason: null,
    retryOf: null,
    total: 0,
    duplicates,
    suppressed,
    invalid,
    createdAt: new Date().toISOString(),
    startAt: null,
    startedAt: null,
    finishedAt: null,
  };
}

export function toCampaign({ rate: _rate, ...found }: Campaign): z.output<typeof campaign> {
  return {
    ...draftOf(found),
    createdAt: found.createdAt.toISOString(),
    startAt: found.startAt?.toISOString() ?? null,
    startedAt: found.startedAt?.toISOString() ?? null,
    finishedAt: found.finishedAt?.toISOString() ?? null,
  };
}
