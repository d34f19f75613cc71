// Ids of our own. Campaigns' and messages' ids start with their time in milliseconds, so that tables sorted or
// cut by id are sorted or cut by time.

import { hash, randomBytes } from "node:crypto";
import type { ChunkId } from "./campaign.ts";
import type { CallId, CampaignId, MessageId } from "./message.ts";
import type { PhoneNumber } from "./phone-number.ts";

export function createCampaignId(nowMs: number): CampaignId {
  return timedUuid(nowMs, randomHex(), 7) as CampaignId;
}

export function createMessageId(nowMs: number): MessageId {
  return timedUuid(nowMs, randomHex(), 7) as MessageId;
}

/**
 * The id of a provider call names the chunk that it was made for, so that a delivery report which brings
 * nothing but our reference finds its messages without an index on a column that every call changes. In the
 * form of a random UUID (version 4), because SMS.CX takes no other: 48 bits of chunk, 74 of chance.
 */
export function createCallId(chunk: ChunkId): CallId {
  const hex = BigInt(chunk).toString(16).padStart(12, "0");
  return uuidOf(hex, randomHex(), 4) as CallId;
}

/** The chunk of a call of ours. Any other UUID names some chunk, too: the ledger asks whether the call is in it. */
export function chunkOf(call: CallId): ChunkId {
  return BigInt(`0x${call.replaceAll("-", "").slice(0, 12)}`).toString() as ChunkId;
}

/**
 * The one id that a person can have in a campaign: the campaign's time and a hash of campaign and number
 * (UUID version 8). A row twice in a file, or a file uploaded twice, meets its own primary key, so duplicates
 * cost no memory and no index beside it. 74 bits of hash: the chance that two of a million people meet is
 * 3e-11.
 */
export function recipientMessageId(campaign: CampaignId, to: PhoneNumber): MessageId {
  const time = campaign.slice(0, 8) + campaign.slice(9, 13);
  return uuidOf(time, hash("sha256", campaign + to, "hex"), 8) as MessageId;
}

/** The time that a campaign's or message's id starts with; in a campaign the campaign's own. */
export function timeOfId(id: CampaignId | MessageId): Date {
  return new Date(Number.parseInt(id.replaceAll("-", "").slice(0, 12), 16));
}

const UUID_FORM = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** True for the text of any UUID in lower case; ids that people type are checked before they reach SQL. */
export function isUuid(text: string): boolean {
  return UUID_FORM.test(text);
}

function randomHex(): string {
  return randomBytes(10).toString("hex");
}

function timedUuid(ms: number, rest: string, version: 7 | 8): string {
  return uuidOf(ms.toString(16).padStart(12, "0"), rest, version);
}

/** `head` is 12 hex digits; of the first 20 of `hex`, 80 bits, six bits make way for version and variant. */
function uuidOf(head: string, hex: string, version: 4 | 7 | 8): string {
  const variant = ((Number.parseInt(hex[4] ?? "0", 16) & 0x3) | 0x8).toString(16);
  return `${head.slice(0, 8)}-${head.slice(8)}-${version}${hex.slice(1, 4)}-${variant}${hex.slice(5, 8)}-${hex.slice(8, 20)}`;
}
