// [0] Messages: accepted (202 means committed), listed, shown with all that is known of them, and taken back.

import type { z } from "zod";
import { timeOfId } from "../domain/ids.ts";
import type { MessageId } from "../domain/message.ts";
import { acceptMessage, type MessageDraft } from "../intake/accept-message.ts";
import { cancelMessage } from "../intake/cancel-message.ts";
import type { Message } from "../ledger/messages.ts";
import { createAtOnce } from "./at-once.ts";
import { onceHeaders } from "./contract/fields.ts";
import {
  acceptedMessage,
  cancelledMessage,
  type message,
  messagePage,
  messageParams,
  messageQuery,
  messageWithTimeline,
  newMessage,
} from "./contract/messages.ts";
import { createCursor } from "./cursor.ts";
import type { Api, ApiDoors } from "./doors.ts";
import { timelineOf } from "./message-timeline.ts";
import { createOnce } from "./once.ts";
import { notFound } from "./problem.ts";
import { createTellQueue } from "./tell-queue.ts";

const TAGS = ["messages"];
/** Looks through all messages for a state or a time: seconds at millions, and a connection to the database each. */
const WIDE_READS_AT_ONCE_MAX = 3;

export function addMessages(api: Api, { ledger, rules, enqueue }: ApiDoors): void {
  const tellQueue = createTellQueue(enqueue);
  const cursor = createCursor("messages", /^[0-9a-f-]{36}$/);
  const inTurn = createAtOnce(WIDE_READS_AT_ONCE_MAX, {
    detail: "Too many look through all messages. Name a campaign or a number, or try again.",
    retryAfterSeconds: 5,
  });

  api.post(
    "/messages",
    {
      config: { scope: "messages:send" },
      schema: {
        summary: "Send one message",
        tags: TAGS,
        headers: onceHeaders,
        body: newMessage,
        response: { 202: acceptedMessage },
      },
    },
    async (request, reply) => {
      const draft = toDraft(request.body);
      const accepted = await createOnce(ledger, { request, reply, status: 202 }, async (creators) => {
        const { id, state, segments, chunk } = await acceptMessage({ ledger: creators }, draft, rules);
        return {
          body: { id, state, segments },
          ...(chunk === null ? {} : { afterCommit: () => tellQueue(chunk) }),
        };
      });
      return reply.code(202).send(accepted);
    },
  );

  api.get(
    "/messages",
    {
      config: { scope: "messages:read" },
      schema: {
        summary: "List messages, newest first",
        tags: TAGS,
        querystring: messageQuery,
        response: { 200: messagePage },
      },
    },
    async ({ query: { limit, cursor: after, ...filter } }) => {
      const before = cursor.read(after) as MessageId | undefined;
      const { campaign, to, state, since } = filter;
      const isWide = campaign === undefined && to === undefined && (state ?? since) !== undefined;
      const list = () => ledger.messages.list(filter, { before, limit });
      const found = await (isWide ? inTurn(list) : list());
      const last = found.length < limit ? null : (found.at(-1)?.id ?? null);
      return { data: found.map(toMessage), next: cursor.write(last) };
    },
  );

  api.get(
    "/messages/:id",
    {
      config: { scope: "messages:read" },
      schema: {
        summary: "One message and its timeline",
        tags: TAGS,
        params: messageParams,
        response: { 200: messageWithTimeline },
      },
    },
    async ({ params: { id } }) => {
      const found = await ledger.messages.find(id);
      if (found === null) throw notFound("message");
      const [attempts, reports] = await Promise.all([
        ledger.messages.attempts(id),
        ledger.reports.ofMessage(id),
      ]);
      return { ...toMessage(found), timeline: timelineOf(found, timeOfId(id), { attempts, reports }) };
    },
  );

  api.delete(
    "/messages/:id",
    {
      config: { scope: "messages:send" },
      schema: {
        summary: "Take one message back before it is sent",
        description: "It stays in the lists, as cancelled. Safe to repeat.",
        tags: TAGS,
        params: messageParams,
        response: { 200: cancelledMessage },
      },
    },
    async ({ params: { id } }) => {
      await cancelMessage({ ledger }, id);
      return { id, state: "cancelled" as const };
    },
  );
}

function toDraft(body: z.output<typeof newMessage>): MessageDraft {
  const { to, text, from, account, sendAt, timeZone, expiresAt, reference, metadata } = body;
  return {
    to,
    text,
    from: from ?? null,
    class: body.class,
    account: account ?? null,
    time: { at: sendAt, zone: timeZone, expiresAt },
    reference,
    metadata,
  };
}

function toMessage(found: Message): z.output<typeof message> {
  return {
    id: found.id,
    campaign: found.campaignId,
    to: found.to,
    state: found.state,
    reason: found.reason,
    class: found.class,
    account: found.account,
    providerMessageId: found.providerMessageId,
    segments: found.segments,
    attempts: found.attempts,
    dueAt: found.dueAt?.toISOString() ?? null,
    expiresAt: found.expiresAt?.toISOString() ?? null,
    reference: found.reference,
    metadata: found.metadata,
    retryOf: found.retryOf,
    createdAt: timeOfId(found.id).toISOString(),
    changedAt: found.changedAt.toISOString(),
  };
}
