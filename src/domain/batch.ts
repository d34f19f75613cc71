// Messages on their way to a provider, cut into what travels in one request.

import assert from "node:assert";
import type { CallId, MessageId } from "./message.ts";
import type { PhoneNumber } from "./phone-number.ts";
import { type Sensitive, sensitive } from "./sensitive.ts";
import { parseTemplate, renderTemplate, type Template } from "./template.ts";

/** What all messages of a request have in common. */
export type BatchForm = {
  /** The campaign's template; null for single messages, which carry their own text. */
  readonly template: Template | null;
  readonly from: string | null;
};

export type OutgoingMessage = {
  readonly id: MessageId;
  readonly to: PhoneNumber;
  /** The rendered text. */
  readonly text: Sensitive<string>;
  /** The recipient's values in the order of `template.fields`; empty without a template. */
  readonly values: readonly Sensitive<string>[];
  readonly segments: number;
  /** Tries that this message has used so far. */
  readonly attempts: number;
  /** Times that it was put off by the account's fault. */
  readonly deferrals: number;
};

/** Messages that travel in one request. Recipients are distinct. */
export type Batch = BatchForm & {
  /** Our reference for this request. */
  readonly callId: CallId;
  readonly messages: readonly OutgoingMessage[];
};

export type StoredMessage = Omit<OutgoingMessage, "text"> & { readonly text: Sensitive<string> | null };

/** What the ledger has of a chunk or a call -> what is sent. `from` is the account's own sender. */
export function composeMessages(
  stored: {
    readonly sender: string | null;
    readonly template: string | null;
    readonly messages: readonly StoredMessage[];
  },
  from: string | null,
): { readonly form: BatchForm; readonly messages: readonly OutgoingMessage[] } {
  const template = stored.template === null ? null : readStoredTemplate(stored.template);
  return {
    form: { template, from: stored.sender ?? from },
    messages: stored.messages.map((message) => composeMessage(message, template)),
  };
}

/** The text of a stored message, for checks; null: its content has been deleted. */
export function readStoredText(
  stored: { readonly text: Sensitive<string> | null; readonly values: readonly Sensitive<string>[] | null },
  template: Template | null,
): string | null {
  if (stored.text !== null) return stored.text.reveal();
  if (template === null || stored.values?.length !== template.fields.length) return null;
  const values = stored.values.map((value) => value.reveal());
  return renderTemplate(template, values);
}

/** It was parsed when its campaign was accepted; one that cannot be parsed now is a broken ledger. */
export function readStoredTemplate(source: string): Template {
  const parsed = parseTemplate(source);
  assert(parsed.ok, "a stored template cannot be read");
  return parsed.template;
}

function composeMessage(stored: StoredMessage, template: Template | null): OutgoingMessage {
  if (stored.text !== null) return { ...stored, text: stored.text };
  if (template === null) throw new Error(`Message ${stored.id} has neither a text nor a template.`);
  return {
    ...stored,
    text: sensitive(
      renderTemplate(
        template,
        stored.values.map((value) => value.reveal()),
      ),
    ),
  };
}

/**
 * How many messages may share a request, by the tries they have used. One bad number can make a provider
 * refuse a whole batch, so a message that has failed before travels in smaller company and finally alone:
 * three requests find any number of bad ones among a thousand.
 */
const COMPANY_BY_TRIES = [Number.POSITIVE_INFINITY, 32] as const;
const COMPANY_AFTER = 1;

export function cutRequests(
  messages: readonly OutgoingMessage[],
  bounds: {
    readonly batchMax: number;
    /** No request may cost more than the account's limit allows in a second. */
    readonly segmentsMax: number;
    readonly mayShare: (message: OutgoingMessage) => boolean;
  },
): OutgoingMessage[][] {
  const requests: OutgoingMessage[][] = [];
  for (const [company, group] of Map.groupBy(
    messages,
    (message) => COMPANY_BY_TRIES[message.attempts] ?? COMPANY_AFTER,
  )) {
    const roomMax = Math.min(company, bounds.batchMax);
    let request: OutgoingMessage[] = [];
    let segments = 0;
    for (const message of group) {
      if (roomMax === 1 || !bounds.mayShare(message)) {
        requests.push([message]);
        continue;
      }
      if (
        request.length === roomMax ||
        (request.length > 0 && segments + message.segments > bounds.segmentsMax)
      ) {
        requests.push(request);
        request = [];
        segments = 0;
      }
      request.push(message);
      segments += message.segments;
    }
    if (request.length > 0) requests.push(request);
  }
  return requests;
}
