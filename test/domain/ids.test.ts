// Our ids: UUIDs that sort by time, and one id for one person in one campaign.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ChunkId } from "../../src/domain/campaign.ts";
import {
  chunkOf,
  createCallId,
  createCampaignId,
  createMessageId,
  isUuid,
  recipientMessageId,
} from "../../src/domain/ids.ts";
import type { PhoneNumber } from "../../src/domain/phone-number.ts";

const NOW = Date.UTC(2026, 10, 22, 12);
const phone = fc
  .integer({ min: 1_000_000, max: 99_999_999_999_999 })
  .map((digits) => `+${digits}` as PhoneNumber);
const moment = fc.integer({ min: 0, max: 2 ** 48 - 1 });
const timeOf = (id: string) => Number.parseInt(id.replaceAll("-", "").slice(0, 12), 16);

describe.each([
  ["createCampaignId", createCampaignId],
  ["createMessageId", createMessageId],
])("%s", (_name, create) => {
  it("makes UUIDs of version 7 that begin with their time, at any time", () => {
    fc.assert(
      fc.property(moment, (ms) => {
        const id = create(ms);
        expect(isUuid(id)).toBe(true);
        expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
        expect(timeOf(id)).toBe(ms);
      }),
    );
  });

  it("sorts by time, and never makes one twice", () => {
    const ids = Array.from({ length: 10_000 }, (_, index) => create(NOW + Math.floor(index / 1000)));
    expect(new Set(ids).size).toBe(ids.length);
    expect(create(NOW) < create(NOW + 1)).toBe(true);
    expect(create(2 ** 40 - 1) < create(2 ** 40)).toBe(true);
  });
});

describe("createCallId", () => {
  it("makes UUIDs in the form of version 4 that name their chunk, whatever its number", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 1n, max: 2n ** 48n - 1n }), (number) => {
        const chunk = String(number) as ChunkId;
        const id = createCallId(chunk);
        expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
        expect(chunkOf(id)).toBe(chunk);
      }),
    );
  });

  it("never makes one twice", () => {
    const ids = Array.from({ length: 10_000 }, () => createCallId("7" as ChunkId));
    expect(new Set(ids).size).toBe(ids.length);
  });
});

describe("recipientMessageId", () => {
  it("is the same for the same person in the same campaign, and else another", () => {
    fc.assert(
      fc.property(phone, phone, (one, other) => {
        const [campaign, next] = [createCampaignId(NOW), createCampaignId(NOW)];
        const id = recipientMessageId(campaign, one);
        expect(recipientMessageId(campaign, one)).toBe(id);
        expect(recipientMessageId(next, one)).not.toBe(id);
        expect(recipientMessageId(campaign, other) === id).toBe(one === other);
      }),
    );
  });

  it("is a UUID of version 8 that begins with its campaign's time", () => {
    fc.assert(
      fc.property(moment, phone, (ms, to) => {
        const id = recipientMessageId(createCampaignId(ms), to);
        expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
        expect(timeOf(id)).toBe(ms);
      }),
    );
  });

  it("meets nobody among a hundred thousand numbers in a row", () => {
    const campaign = createCampaignId(NOW);
    const ids = Array.from({ length: 100_000 }, (_, index) =>
      recipientMessageId(campaign, `+4670${1_000_000 + index}` as PhoneNumber),
    );
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids[0]).not.toContain("4670");
  });
});

it.each([
  ["01900000-0000-7000-8000-00000000000a", true],
  ["00000000-0000-0000-0000-000000000000", true],
  ["01900000-0000-7000-8000-00000000000A", false],
  ["01900000000070008000000000000000", false],
  ["01900000-0000-7000-8000-00000000000", false],
  ["01900000-0000-7000-8000-00000000000a ", false],
  ["01900000-0000-7000-8000-00000000000a\n", false],
  ["{01900000-0000-7000-8000-00000000000a}", false],
  ["", false],
])("isUuid(%j) is %s", (text, expected) => {
  expect(isUuid(text)).toBe(expected);
});
