// A ledger on a database of its own, with campaigns to try things on and the audit that ends every such test.

import { randomUUID } from "node:crypto";
import type { Pool } from "pg";
import { pino } from "pino";
import { expect } from "vitest";
import type { ChunkId } from "../../src/domain/campaign.ts";
import { createCampaignId, recipientMessageId } from "../../src/domain/ids.ts";
import { type CampaignId, type MessageClass, mayMove, messageStates } from "../../src/domain/message.ts";
import type { OptOutSource } from "../../src/domain/opt-out.ts";
import type { PhoneNumber } from "../../src/domain/phone-number.ts";
import type { NewOptOut } from "../../src/ledger/insert-opt-outs.ts";
import { createLedger, type Ledger } from "../../src/ledger/ledger.ts";
import { createPool } from "../../src/platform/postgres.ts";
import { createDatabase } from "./database.ts";

export const silent = pino({ level: "silent" });

export type LedgerBench = {
  readonly ledger: Ledger;
  readonly pool: Pool;
  readonly url: string;
  readonly close: () => Promise<void>;
};

export async function openLedgerBench(options: { attemptsMax?: number } = {}): Promise<LedgerBench> {
  const database = await createDatabase();
  const pool = createPool({ url: database.url, applicationName: "volley-test", max: 10, log: silent });
  const ledger = createLedger({ pool, ...options });
  await ledger.migrate();
  await enforceMoves(pool);
  return {
    ledger,
    pool,
    url: database.url,
    async close() {
      await pool.end();
      await database.drop();
    },
  };
}

/** Makes the database refuse every move of a message that domain/message.ts does not allow. */
export async function enforceMoves(pool: Pool): Promise<void> {
  const legal = messageStates.flatMap((from) =>
    messageStates.filter((to) => mayMove(from, to)).map((to) => `${from} ${to}`),
  );
  await pool.query(`
    create function volley.refuse_illegal_move() returns trigger language plpgsql as $$
    begin
      if old.state <> new.state and not (old.state || ' ' || new.state = any('{${legal.join(",")}}'::text[])) then
        raise exception 'illegal move of a message: % to %', old.state, new.state;
      end if;
      return new;
    end $$;
    create trigger refuse_illegal_move before update on volley.message
      for each row execute function volley.refuse_illegal_move();
  `);
}

export function phone(index: number): PhoneNumber {
  return `+4477009${String(index).padStart(5, "0")}` as PhoneNumber;
}

/** A running campaign of one chunk, released; the chunk's messages are for phone(0), phone(1) ... */
export async function addCampaign(
  { ledger }: Pick<LedgerBench, "ledger">,
  {
    recipients,
    messageClass = "marketing",
    accounts = ["main"],
  }: { recipients: number; messageClass?: MessageClass; accounts?: readonly string[] },
): Promise<{ id: CampaignId; chunkId: ChunkId }> {
  const id = createCampaignId(Date.now());
  await ledger.campaigns.createDraft({
    id,
    name: "test",
    class: messageClass,
    sender: null,
    account: null,
    sendAt: null,
    timeZone: null,
    template: "Hello {{name}}",
  });
  const { id: chunkId } = await ledger.chunks.add({
    campaignId: id,
    accounts,
    class: messageClass,
    sender: null,
    state: "waiting",
    messages: Array.from({ length: recipients }, (_, index) => ({
      id: recipientMessageId(id, phone(index)),
      to: phone(index),
      position: index + 2,
      segments: 1,
      text: null,
      values: [`name ${index}`],
    })),
  });
  if (chunkId === null) throw new Error("the chunk kept nobody");
  await ledger.campaigns.start(id, null);
  await ledger.chunks.release(id, 16);
  return { id, chunkId };
}

export function optOut(number: string, source: OptOutSource = "person"): NewOptOut {
  return { number: number as PhoneNumber, reason: "asked", source, at: null };
}

export const noSettling = { transactional: null, reminder: null, marketing: null } as const;

export async function claim(
  { ledger }: Pick<LedgerBench, "ledger">,
  chunkId: ChunkId,
  { leaseMs = 60_000, settleInMs = noSettling as Readonly<Record<MessageClass, number | null>> } = {},
) {
  return ledger.chunks.claim(chunkId, { lease: randomUUID(), leaseMs, settleInMs });
}

/** Counts agree with rows, and no state was lost: the invariant of every campaign at rest. */
export async function audit(
  { ledger, pool }: Pick<LedgerBench, "ledger" | "pool">,
  id: CampaignId,
): Promise<void> {
  const { rows } = await pool.query<{ state: string; messages: string }>(
    `select m.state, count(*) as messages from volley.message m
     join volley.chunk c on c.id = m.chunk_id where c.campaign_id = $1 group by 1`,
    [id],
  );
  const byRow = Object.fromEntries(rows.map((row) => [row.state, Number(row.messages)]));
  expect(await ledger.campaigns.counts(id), "the counts equal the rows").toEqual(byRow);
  const campaign = await ledger.campaigns.find(id);
  const sum = Object.values(byRow).reduce((total, count) => total + count, 0);
  expect(sum, "the campaign's total equals the sum of its states").toBe(campaign?.total);
}
