// Reads the body of POST /sms/3/messages: the violations of its shape, or the people in it, one entry each.
//
// The shape is infobip-schema.ts. A number that nobody can have is not a violation: it is refused by itself
// in the answer, and the others go on [I-sms, SmsResponseEnvelope].

import { measureText } from "../domain/sms-text.ts";
import { digitsOf } from "./faults.ts";
import { checkEnvelope, type Violation } from "./infobip-schema.ts";
import { isJsonObject, parseJsonBody } from "./json-body.ts";

export type InfobipDestination = {
  /** As it was written. */
  readonly to: string;
  readonly digits: string;
  readonly isNumber: boolean;
  /** Null: the request gave none. */
  readonly messageId: string | null;
  readonly message: InfobipMessage;
};

/** What the destinations of one entry of `messages` share. */
export type InfobipMessage = {
  readonly sender: string | null;
  /** As it goes out; null for binary content. */
  readonly text: string | null;
  readonly segments: number;
  readonly callbackData: string | null;
  /** Null: it wants none. */
  readonly reports: InfobipReportWish | null;
};

export type InfobipReportWish = {
  /** Null: an account-wide subscription's address counts. */
  readonly url: string | null;
  readonly intermediate: boolean;
};

export type InfobipRequest = {
  readonly destinations: readonly InfobipDestination[];
  readonly bulkId: string | null;
  readonly countsParts: boolean;
};

export type InfobipReading =
  | { readonly ok: true; readonly request: InfobipRequest }
  | { readonly ok: false; readonly violations: readonly Violation[]; readonly recipients: readonly string[] };

/** ASSUMED: the document speaks of thousands and names no bound. */
const DESTINATIONS_MAX = 1000;
const VIOLATIONS_MAX = 20;
/** [I-sms] Longer ids are clipped, not refused. */
const MESSAGE_ID_CHARACTERS_MAX = 200;
/** International, the samples without a plus. That a plus may stand there, and the lengths, are ASSUMED. */
const NUMBER = /^\+?[1-9]\d{6,14}$/;
const LINK = /https?:\/\/[^\s]+/g;
/** ASSUMED. Links of any length become this long; the path would be the click's own. */
const SHORT_LINK = "https://s.example/Ab3dE9";

/** What checkEnvelope has seen to be there. */
type Envelope = {
  readonly messages: readonly {
    readonly sender?: string | null;
    readonly destinations: readonly { readonly to: string; readonly messageId?: string | null }[];
    readonly content: { readonly text?: string | null; readonly hex?: string | null };
    readonly webhooks?: {
      readonly callbackData?: string | null;
      readonly delivery?: {
        readonly url?: string | null;
        readonly intermediateReport?: boolean | null;
        readonly notify?: boolean | null;
      } | null;
    } | null;
  }[];
  readonly options?: {
    readonly schedule?: { readonly bulkId?: string | null } | null;
    readonly tracking?: { readonly shortenUrl?: boolean | null } | null;
    readonly includeSmsCountInResponse?: boolean | null;
  } | null;
};

export function readInfobipMessages(bytes: Buffer): InfobipReading {
  const body = parseJsonBody(bytes);
  if (body === null) return violated([{ property: "body", violation: "must be a JSON object" }], []);
  const found: Violation[] = [];
  checkEnvelope(body, "", found);
  if (found.length > 0) return violated(found.slice(0, VIOLATIONS_MAX), findRecipients(body.messages));
  const { messages, options } = body as Envelope;
  const shortens = options?.tracking?.shortenUrl !== false;
  const destinations = messages.flatMap((entry) => readDestinations(entry, shortens));
  if (destinations.length > DESTINATIONS_MAX) {
    const words = `must have at most ${DESTINATIONS_MAX} destinations altogether`;
    return violated(
      [{ property: "messages", violation: words }],
      destinations.map(({ digits }) => digits),
    );
  }
  return {
    ok: true,
    request: {
      destinations,
      bulkId: options?.schedule?.bulkId ?? null,
      countsParts: options?.includeSmsCountInResponse === true,
    },
  };
}

function readDestinations(entry: Envelope["messages"][number], shortens: boolean): InfobipDestination[] {
  const written = entry.content.text ?? null;
  // [I-sms] Links are shortened unless the request says no.
  const text = written !== null && shortens ? written.replace(LINK, SHORT_LINK) : written;
  const delivery = entry.webhooks?.delivery;
  const message: InfobipMessage = {
    sender: entry.sender ?? null,
    text,
    segments: text === null ? 1 : measureText(text).segments,
    callbackData: entry.webhooks?.callbackData ?? null,
    // [I-sms] `notify: false` turns off the subscription's reports, too.
    reports:
      delivery?.notify === false
        ? null
        : { url: delivery?.url ?? null, intermediate: delivery?.intermediateReport === true },
  };
  return entry.destinations.map(({ to, messageId }) => ({
    to,
    digits: digitsOf(to),
    isNumber: NUMBER.test(to),
    messageId: messageId?.slice(0, MESSAGE_ID_CHARACTERS_MAX) ?? null,
    message,
  }));
}

/** As far as they can be read in a body that does not fit. */
function findRecipients(messages: unknown): string[] {
  const entries: readonly unknown[] = Array.isArray(messages) ? messages : [];
  return entries.flatMap((entry) => {
    const listed = isJsonObject(entry) ? entry.destinations : null;
    const destinations: readonly unknown[] = Array.isArray(listed) ? listed : [];
    return destinations.flatMap((destination) => {
      const to = isJsonObject(destination) ? destination.to : null;
      return typeof to === "string" ? [digitsOf(to)] : [];
    });
  });
}

function violated(violations: readonly Violation[], recipients: readonly string[]): InfobipReading {
  return { ok: false, violations, recipients };
}
