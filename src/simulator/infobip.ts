// Infobip's SMS API (v3) as its documents describe it (read 2026-11-22).
//
//   https://api.infobip.com/platform/1/openapi/sms                             messages and logs        [I-sms]
//   https://api.infobip.com/platform/1/openapi/account-management              the token                [I-acct]
//   https://www.infobip.com/docs/essentials/api-essentials/api-authentication  logins                   [I-auth]
//   https://www.infobip.com/docs/essentials/api-essentials/response-status-and-error-codes              [I-codes]
//
// Left out: the old form of sending (/sms/2), scheduled sending, previews, the reports that are pulled, the
// logins `Basic` and `IBSSO`.

import { randomUUID } from "node:crypto";
import { type BucketRate, createBucket } from "./bucket.ts";
import { createInfobipLogs, type InfobipEntry } from "./infobip-logs.ts";
import { type InfobipDestination, type InfobipRequest, readInfobipMessages } from "./infobip-request.ts";
import type { Violation } from "./infobip-schema.ts";
import { type InfobipStatus, infobipStatuses } from "./infobip-statuses.ts";
import { createTokenDesk, type TokenDialect, type TokenSettings } from "./oauth.ts";
import {
  type Clock,
  type FaultStatus,
  hasMediaType,
  type Incoming,
  jsonReply,
  type Reply,
  type SendAnswer,
  type SendRefused,
  type SendRequest,
  type SimulatedProvider,
  type SimulatorTools,
} from "./provider.ts";
import {
  type InfobipReported,
  infobipReports,
  orderInfobipReports,
  readInfobipFate,
} from "./reports-infobip.ts";
import { defineSimulated } from "./simulated.ts";

export type InfobipSettings = {
  /** The login that Infobip recommends; it has the client's scopes. */
  readonly apiKey: string;
  /** Null: no limit. */
  readonly logsRate: BucketRate | null;
};

const SEND_PATH = "/sms/3/messages";
const LOGS_PATH = "/sms/3/logs";
/** [I-sms, x-scopes] One of them is enough. */
const SEND_SCOPES = ["message:send", "sms:message:send", "sms:manage"];
const LOGS_SCOPES = ["sms:logs:read", "sms:manage"];
/** [I-codes] */
const SEGMENTS_MAX = 25;

// [I-acct] Scopes belong to the user and are not asked for; the reply has three fields. Which status a wrong
// secret gets is not documented: 401 is ASSUMED. So is the form of the token.
const dialect: TokenDialect = {
  tokenType: "Bearer",
  tokenForm: "jwt",
  credentials: "fields",
  hasScopes: false,
  refuse: (why, detail) => {
    switch (why) {
      case "client":
        return serviceException(401, "UNAUTHORIZED", "Invalid login details");
      case "method":
      case "request":
      case "grant":
      case "scope":
        return serviceException(400, "BAD_REQUEST", detail);
      case "rate":
        return serviceException(429, "TOO_MANY_REQUESTS", "Too many requests");
      default:
        return why satisfies never;
    }
  },
  grant: ({ scope: _scope, ...body }) => jsonReply(200, body),
};

/** [I-sms, ApiError] E415 is ASSUMED. */
const PROBLEMS = {
  400: { errorCode: "E400", description: "The request is not valid.", action: "Correct the properties." },
  401: { errorCode: "E401", description: "The login is not valid.", action: "Check the credentials." },
  403: { errorCode: "E403", description: "The login may not do this.", action: "Check its scopes." },
  415: { errorCode: "E415", description: "The media type is not taken.", action: "Send application/json." },
  429: { errorCode: "E429", description: "Too many requests.", action: "Send fewer." },
  500: { errorCode: "E500", description: "Something went wrong.", action: "Contact support." },
} as const;

export const infobipSimulated = defineSimulated<InfobipSettings>({
  credentials: { clientId: "demo-id", clientSecret: "demo-secret" },
  defaults: {
    // The life of a real token is not public: 3600 is the document's example. 10 a second and 120 a minute are its
    // x-throttling-info for the token and the logs; that they are buckets is ASSUMED.
    scopes: ["message:send", "sms:logs:read", "inbound-message:read", "subscriptions:manage"],
    tokenRate: { burst: 10, perSecond: 10 },
    apiKey: "demo-key",
    logsRate: { burst: 120, perSecond: 2 },
  },
  build: createInfobip,
});

function createInfobip(
  settings: TokenSettings & InfobipSettings,
  { faults, clock, fateAt }: SimulatorTools,
): SimulatedProvider {
  const tokens = createTokenDesk(settings, dialect, clock);
  const logs = createInfobipLogs(({ destination, sentAtMs }) =>
    readInfobipFate(fateAt(destination, sentAtMs)),
  );
  const nextBulkId = createBulkIds(clock);
  const mayReadLogs = settings.logsRate === null ? () => true : createBucket(settings.logsRate, clock);

  function refuseLogin(incoming: Incoming, scopes: readonly string[]): Reply | null {
    const { authorization } = incoming.headers;
    const byKey = authorization === `App ${settings.apiKey}`;
    const check = byKey ? ({ kind: "good", scopes: settings.scopes } as const) : tokens.check(authorization);
    if (check.kind !== "good") return apiError(401);
    return scopes.some((scope) => check.scopes.includes(scope)) ? null : apiError(403);
  }

  function readSend(incoming: Incoming): SendRequest | SendRefused {
    const refusal = refuseLogin(incoming, SEND_SCOPES);
    if (refusal !== null) return refused(refusal);
    if (!hasMediaType(incoming, "application/json")) return refused(apiError(415));
    const reading = readInfobipMessages(incoming.body);
    if (reading.ok) return takeable(reading.request);
    return refused(apiError(400, reading.violations), reading.recipients);
  }

  function takeable(request: InfobipRequest): SendRequest {
    const { destinations } = request;
    return {
      kind: "send",
      reference: commonReference(destinations),
      recipients: destinations.map(({ digits }) => digits),
      segments: destinations.reduce((sum, { message }) => sum + message.segments, 0),
      textOf: (index) => destinations[index]?.message.text ?? null,
      accept: (incomplete) => take(request, incomplete),
    };
  }

  function take(request: InfobipRequest, incomplete: boolean): SendAnswer {
    const { destinations, countsParts } = request;
    // [I-sms] A request for one person may come back without one.
    const bulkId = request.bulkId ?? (destinations.length > 1 ? nextBulkId() : null);
    const hasCredit = !faults.strikes("no-credit");
    const refusedIndexes = new Set<number>();
    const reported: InfobipReported[] = [];
    const items = destinations.map((destination, index) => {
      const status = judge(destination, hasCredit);
      if (status !== infobipStatuses.accepted) refusedIndexes.add(index);
      const entry = entryOf(destination, { bulkId, status, sentAtMs: clock.wallMs() });
      // ASSUMED: a message that was refused for its id leaves the one that bears it alone.
      if (status !== infobipStatuses.duplicateId) logs.add(entry);
      const { reports: wish, callbackData } = destination.message;
      // ASSUMED: no report about those whom the answer itself refuses.
      if (status === infobipStatuses.accepted && wish !== null) reported.push({ entry, wish, callbackData });
      return describe(entry, countsParts);
    });
    const messages = incomplete ? items.filter((_item, index) => index % 2 === 1) : items;
    const answer = jsonReply(200, { ...(bulkId === null ? {} : { bulkId }), messages });
    const reply = { ...answer, reports: orderInfobipReports(reported) };
    return refusedIndexes.size === 0 ? reply : { ...reply, refused: refusedIndexes };
  }

  /** What is wrong with the message for good comes first: it will not get better by trying. */
  function judge(
    { digits, isNumber, messageId, message }: InfobipDestination,
    hasCredit: boolean,
  ): InfobipStatus {
    if (!isNumber) return infobipStatuses.badNumber;
    if (messageId !== null && logs.isTaken(messageId)) return infobipStatuses.duplicateId;
    if (message.segments > SEGMENTS_MAX) return infobipStatuses.tooLong;
    if (faults.isRejected(digits)) return infobipStatuses.blocklisted;
    if (!hasCredit) return infobipStatuses.noCredit;
    return faults.strikes("refuse-some") ? infobipStatuses.systemError : infobipStatuses.accepted;
  }

  function answerLogs(incoming: Incoming): Reply {
    const refusal = refuseLogin(incoming, LOGS_SCOPES);
    if (refusal !== null) return refusal;
    if (!mayReadLogs()) return apiError(429);
    const listing = logs.list(incoming.query, { wallMs: clock.wallMs(), lagMs: faults.lookUpLagMs() });
    return listing.ok ? jsonReply(200, { results: listing.results }) : apiError(400, listing.violations);
  }

  return {
    tokenPath: "/auth/1/oauth2/token",
    tokens,
    isSend: ({ method, path }) => method === "POST" && path === SEND_PATH,
    readSend,
    isLookUp: ({ method, path }) => method === "GET" && path === LOGS_PATH,
    answerOther: (incoming) => {
      if (incoming.path === LOGS_PATH && incoming.method === "GET") return answerLogs(incoming);
      if (incoming.path !== SEND_PATH && incoming.path !== LOGS_PATH) {
        return serviceException(404, "NOT_FOUND", "Requested URL not found");
      }
      // ASSUMED: the document lists no 405.
      return serviceException(405, "METHOD_NOT_ALLOWED", "The method is not allowed here");
    },
    faultReply,
    reports: infobipReports,
    reset: logs.clear,
  };
}

/** Only `callbackData` can name a whole request, and each message has its own: it counts where all agree. */
function commonReference(destinations: readonly InfobipDestination[]): string | null {
  const first = destinations[0]?.message.callbackData ?? null;
  return destinations.every(({ message }) => message.callbackData === first) ? first : null;
}

function entryOf(
  { digits, messageId, message }: InfobipDestination,
  taken: { readonly bulkId: string | null; readonly status: InfobipStatus; readonly sentAtMs: number },
): InfobipEntry {
  const { sender, segments, text } = message;
  return { ...taken, messageId: messageId ?? randomUUID(), destination: digits, sender, segments, text };
}

/** [I-sms] Numbers come back without a plus. ASSUMED: the count of parts only when it was asked for. */
function describe({ messageId, status, destination, segments }: InfobipEntry, countsParts: boolean) {
  const counts = countsParts && status === infobipStatuses.accepted;
  return { messageId, status, destination, ...(counts ? { details: { messageCount: segments } } : {}) };
}

/** [I-sms] 19 digits in the samples. */
function createBulkIds(clock: Clock): () => string {
  let count = 0;
  return () => {
    count += 1;
    return `${clock.wallMs()}${String(count % 1_000_000).padStart(6, "0")}`;
  };
}

/** 502, 503 and 504 have no documented body. */
function faultReply(status: FaultStatus): Reply {
  switch (status) {
    case 401:
    case 403:
    case 429:
    case 500:
      return apiError(status);
    case 502:
    case 503:
    case 504:
      return { status, headers: ["Content-Type", "text/plain"], body: "" };
    default:
      return status satisfies never;
  }
}

function refused(reply: Reply, recipients: readonly string[] = []): SendRefused {
  return { kind: "refused", reply, reference: null, recipients };
}

/** [I-sms, ApiError] All five fields are required. */
function apiError(status: keyof typeof PROBLEMS, violations: readonly Violation[] = []): Reply {
  return jsonReply(status, { ...PROBLEMS[status], violations, resources: [] });
}

/** [I-sms, ApiException; I-acct, OAuthApiException] The older shape, which the token endpoint has. */
function serviceException(status: number, messageId: string, text: string): Reply {
  return jsonReply(status, { requestError: { serviceException: { messageId, text } } });
}
