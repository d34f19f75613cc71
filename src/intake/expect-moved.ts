// [1] What a person hears who wants a campaign to do what it cannot.

import type { CampaignState } from "../domain/campaign.ts";
import { VolleyError } from "../domain/errors.ts";
import type { Moved } from "../ledger/campaign-moves.ts";

/** The state that it led to. */
export function expectMoved(
  moved: Moved | "empty",
  verb: "start" | "pause" | "resume" | "cancel",
): CampaignState {
  if (moved === null) throw new VolleyError("not_found", "There is no such campaign.");
  const cannot = (why: string) => new VolleyError("state_conflict", `Cannot ${verb} the campaign: ${why}`);
  if (moved === "empty") throw cannot("it has no recipients. Add them first.");
  if (moved.ok) return moved.state;
  const advice = moved.state === "draft" ? " Start it or delete it." : "";
  throw cannot(`it is ${moved.state.replaceAll("_", " ")}.${advice}`);
}
