// [6] What a campaign holds, measured at the last moment before it starts: nothing can be added to it any more.

import type { CampaignId } from "../domain/message.ts";
import type { Queryable } from "../platform/postgres.ts";
import { type MessageGroup, readGroups } from "./preview.ts";

/** Asked under the campaign's lock, when nobody can add to it any more; what throws refuses the start. */
export type StartGuard = {
  readonly checkCount: (messages: number) => void;
  /** Null: what it costs does not matter, and nobody looks at its messages. */
  readonly cost: {
    /** Of the longest prefix that has a price. */
    readonly headCharacters: number;
    readonly check: (groups: readonly MessageGroup[]) => void;
  } | null;
};

export async function askGuard(
  client: Queryable,
  id: CampaignId,
  { checkCount, cost }: StartGuard,
): Promise<void> {
  const { rows } = await client.query<{ messages: string }>(
    "select coalesce(sum(messages), 0) as messages from volley.chunk where campaign_id = $1",
    [id],
  );
  checkCount(Number(rows[0]?.messages));
  if (cost === null) return;
  const { headCharacters, check } = cost;
  check(await readGroups(client, id, { headCharacters, alphabet: false }));
}
