// [0] Campaigns edited and taken away: drafts change, and what is finished goes with all its messages.
//
// A large campaign takes minutes to delete. Its caller waits for some seconds and is told that it goes on; when this
// process ends meanwhile, the next DELETE goes on where it stopped.

import { VolleyError } from "../domain/errors.ts";
import type { CampaignId } from "../domain/message.ts";
import { editDraft } from "../intake/edit-draft.ts";
import type { Deletion } from "../ledger/delete-campaign.ts";
import { inTime } from "../platform/in-time.ts";
import { findCampaign, toCampaign } from "./campaigns.ts";
import { campaign, campaignParams, deletedCampaign, draftChange } from "./contract/campaigns.ts";
import type { Api, ApiDoors } from "./doors.ts";
import { notFound, refuse } from "./problem.ts";

const TAGS = ["campaigns"];
const config = { scope: "campaigns:write" } as const;
const DELETE_WAIT_MS = 5_000;
/** Campaigns that one process deletes at a time. */
const DELETIONS_AT_ONCE_MAX = 4;

export function addCampaignChanges(api: Api, doors: ApiDoors): void {
  const startDeletion = createDeletions(doors);

  api.patch(
    "/campaigns/:id",
    {
      config,
      schema: {
        summary: "Edit a draft",
        description:
          "Its name at any time; the rest while it has no recipients, who are checked by it. `sendAt` and `timeZone` " +
          "may change later, too, unless they are read in each recipient's own zone.",
        tags: TAGS,
        params: campaignParams,
        body: draftChange,
        response: { 200: campaign },
      },
    },
    async ({ params: { id }, body }) => {
      await editDraft(doors, id, body, doors.rules);
      return toCampaign(await findCampaign(doors, id));
    },
  );

  api.delete(
    "/campaigns/:id",
    {
      config,
      schema: {
        summary: "Delete a campaign with all its messages",
        description: "A draft, or one that is finished. Its events stay for their month; they name nobody.",
        tags: TAGS,
        params: campaignParams,
        response: { 200: deletedCampaign, 202: deletedCampaign },
      },
    },
    async ({ params: { id } }, reply) => {
      const end = await inTime(startDeletion(id), DELETE_WAIT_MS, () => "goes-on" as const);
      if (end === "goes-on") return reply.code(202).send({ id, deleted: false });
      expectDeleted(end);
      return reply.code(200).send({ id, deleted: true });
    },
  );
}

/** Whoever asks for the same one waits for the same deletion. */
function createDeletions({ ledger, log }: ApiDoors): (id: CampaignId) => Promise<Deletion> {
  const running = new Map<CampaignId, Promise<Deletion>>();
  return (id) => {
    const known = running.get(id);
    if (known !== undefined) return known;
    if (running.size >= DELETIONS_AT_ONCE_MAX) {
      throw refuse({
        code: "unavailable",
        detail: "Other campaigns are being deleted. Try again when they are gone.",
        headers: { "retry-after": "10" },
      });
    }
    const deletion = ledger.campaigns.delete(id).finally(() => running.delete(id));
    running.set(id, deletion);
    deletion.catch(() =>
      log.warn({ campaign: id }, "a campaign was not deleted to its end: delete it again"),
    );
    return deletion;
  };
}

function expectDeleted(end: Deletion): void {
  if (end === null) throw notFound("campaign");
  if (end.ok) return;
  const advice =
    end.state === "cancelled"
      ? "Its messages are still being taken back: try again in a moment."
      : "Cancel it first.";
  const state = end.state.replaceAll("_", " ");
  throw new VolleyError("state_conflict", `Cannot delete the campaign: it is ${state}. ${advice}`);
}
