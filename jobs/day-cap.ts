// Leave to send, for accounts with a cap of the day: booked before the attempts of a request are opened. Without it
// nothing is sent: a database that does not answer is no leave.
//
// When the day is full the account is paused for the whole fleet until midnight UTC; what waits uses no try, and may go
// on through another account of its route. While requests that have leave may still be on their way to their slots the
// pauses are short: a long one would hold those up, too, and their leave would come back when nobody is there to use it.

import type { OutgoingMessage } from "../src/domain/batch.ts";
import type { MessageId } from "../src/domain/message.ts";
import { priceOf } from "../src/domain/price.ts";
import type { Booked, DayUse } from "../src/ledger/account-days.ts";
import type { Ending } from "../src/ledger/attempts.ts";
import type { Turn } from "./send-request.ts";

export type Leave = {
  /** Those of the request that may be sent, from its head. */
  readonly messages: readonly OutgoingMessage[];
  /** Gives back what was provably not sent. */
  readonly settle: (endings: readonly Ending[]) => Promise<void>;
};

export const DAILY_CAP = "daily-cap";
const DAY_MS = 86_400_000;
/** Longer than a request with leave may wait for its call. */
const UNDER_WAY_MS_MAX = 10_000;
const UNDER_WAY_PAUSE_MS = 2_000;
/** Others book and give back meanwhile; after so many refusals the request comes back with its chunk's next turn. */
const BOOKINGS_MAX = 3;

export async function askLeave(turn: Turn, request: readonly OutgoingMessage[]): Promise<Leave> {
  const { account } = turn.at;
  if (account.dayCap === null) return { messages: request, settle: async () => undefined };
  let wanted = request;
  for (let bookings = 0; bookings < BOOKINGS_MAX; bookings += 1) {
    const booked = await book(turn, wanted);
    if (booked === null) break;
    if (booked.ok) return leaveOf(turn, wanted, booked.day);
    const fitting = headWithin(wanted, booked.left, (messages) => useOf(turn, messages));
    if (fitting.length === 0) {
      await endDay(turn, booked);
      break;
    }
    wanted = fitting;
  }
  turn.over = true;
  return { messages: [], settle: async () => undefined };
}

/** Null: nobody knows whether it was booked. */
async function book(turn: Turn, messages: readonly OutgoingMessage[]) {
  const { parts, at } = turn;
  const { name, dayCap } = at.account;
  if (dayCap === null) return null;
  return parts.ledger.accountDays.book(name, useOf(turn, messages), dayCap).catch((error: unknown) => {
    parts.log.warn({ account: name, err: String(error) }, "a day's cap cannot be asked; nothing is sent");
    return null;
  });
}

async function endDay(
  { parts, at }: Turn,
  { dayEndsInMs, bookedAgoMs }: Extract<Booked, { ok: false }>,
): Promise<void> {
  if (bookedAgoMs !== null && bookedAgoMs < UNDER_WAY_MS_MAX) {
    return parts.limiter.pause(at.account, Math.min(UNDER_WAY_PAUSE_MS, dayEndsInMs), DAILY_CAP);
  }
  parts.log.warn(
    { account: at.account.name },
    "the account's cap of the day is reached; it waits for midnight UTC",
  );
  await parts.limiter.pause(at.account, dayEndsInMs, DAILY_CAP, DAY_MS);
}

function leaveOf(turn: Turn, messages: readonly OutgoingMessage[], day: string): Leave {
  return {
    messages,
    async settle(endings) {
      const kinds = new Map<MessageId, Ending["outcome"]["kind"]>(
        endings.map(({ messageId, outcome }) => [messageId, outcome.kind]),
      );
      // One without an ending was not even opened.
      const unsent = messages.filter(({ id }) => {
        const kind = kinds.get(id);
        return kind !== "accepted" && kind !== "unknown";
      });
      if (unsent.length === 0) return;
      const { parts, at } = turn;
      const { name } = at.account;
      await parts.ledger.accountDays.giveBack(name, day, useOf(turn, unsent)).catch((error: unknown) => {
        parts.log.warn(
          { account: name, err: String(error) },
          "a day's cap holds messages that were not sent",
        );
      });
    },
  };
}

function useOf({ at }: Turn, messages: readonly OutgoingMessage[]): DayUse {
  const { prices } = at.account;
  const costMicros = messages.reduce(
    (sum, { to, segments }) => sum + (priceOf(prices, to) ?? 0) * segments,
    0,
  );
  return { messages: messages.length, costMicros };
}

/** As many as fit, in their order. */
function headWithin(
  messages: readonly OutgoingMessage[],
  left: { readonly messages: number | null; readonly costMicros: number | null },
  use: (messages: readonly OutgoingMessage[]) => DayUse,
): readonly OutgoingMessage[] {
  const countMax = Math.min(messages.length, left.messages ?? messages.length);
  let costMicros = 0;
  for (const [index, message] of messages.slice(0, countMax).entries()) {
    costMicros += use([message]).costMicros;
    if (costMicros > (left.costMicros ?? costMicros)) return messages.slice(0, index);
  }
  return messages.slice(0, countMax);
}
