// SMS.CX as its documents describe it (read 2026-11-22).
//
//   https://sms.cx/sms-api-documentation                         applications, tokens, scopes         [docs]
//   smscx/smscx-api-php-library, README.md, docs/Api, docs/Model  sending, errors, rate headers       [php]
//
// Left out: estimates, campaigns to stored groups, deletion of what is scheduled, /reports but for single messages
// (none of them finds by an id of ours), quiet hours, what transliteration does to a text.

import { randomUUID } from "node:crypto";
import { measureText } from "../domain/sms-text.ts";
import { createTokenDesk, type TokenDialect, type TokenSettings } from "./oauth.ts";
import {
  type FaultStatus,
  hasMediaType,
  type Incoming,
  type Reply,
  rawJsonReply,
  type SendAnswer,
  type SendRefused,
  type SendRequest,
  type SimulatedProvider,
  type SimulatorTools,
} from "./provider.ts";
import { orderSmscxReports, smscxReports } from "./reports-smscx.ts";
import { defineSimulated } from "./simulated.ts";
import { describeCampaign, isTaken, type SmscxOutgoing, type SmscxStatus } from "./smscx-answers.ts";
import { invalidParam, type SmscxError, type SmscxErrorType, smscxErrorReply } from "./smscx-errors.ts";
import { createSmscxReplays } from "./smscx-replays.ts";
import { readSmscxMessage, type SmscxRequest } from "./smscx-request.ts";
import { createSmscxSentMessages, describeSmscxSent } from "./smscx-sent.ts";
import { fillPlaceholders } from "./smscx-text.ts";

export type SmscxSettings = {
  /** The other login; it may do everything. */
  readonly apiKey: string;
  /** Any other sender is swapped for the system's; null: all are approved. */
  readonly approvedSenders: readonly string[] | null;
  /** Heads of numbers, without a plus, that no price is set for. */
  readonly noCoveragePrefixes: readonly string[];
};

const SEND_PATH = "/sms";
const SEND_SCOPE = "sms";
const SINGLE_REPORT_PATH = "/reports/single/";
const REPORTS_SCOPE = "reports";
const UUID_FORM = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
/** [php] The sender of the system. */
const DEFAULT_SENDER = "InfoText";
const RESET_HEADER = "X-Rate-Limit-Reset";

// [php, OauthApi] All of them have code 1600. The reply to another verb and to too many calls is ASSUMED.
const dialect: TokenDialect = {
  tokenType: "Bearer",
  tokenForm: "hex",
  credentials: "basic",
  hasScopes: true,
  refuse: (why, message) => {
    const say = (type: SmscxErrorType) => smscxErrorReply({ type, code: 1600, message });
    switch (why) {
      case "client":
        return say("invalid_client");
      case "request":
        return say("invalid_request");
      case "grant":
        return say("unsupported_grant_type");
      case "scope":
        return say("invalid_scope");
      case "method":
        return say("invalid_method");
      case "rate":
        return say("rate_limit");
      default:
        return why satisfies never;
    }
  },
  grant: (body) => rawJsonReply(200, JSON.stringify(body)),
};

export const smscxSimulated = defineSimulated<SmscxSettings>({
  credentials: { applicationId: "demo-id", applicationSecret: "demo-secret" },
  defaults: {
    tokenLifeSeconds: 86_400,
    // [docs] All that an application may have.
    scopes: (
      "sms viber whatsapp multichannel conversations reports groups originators templates shortlinks attachments " +
      "optouts account applications numbers"
    ).split(" "),
    apiKey: "demo-key",
    approvedSenders: null,
    // ASSUMED: no prices for satellite phones and international networks.
    noCoveragePrefixes: ["870", "881", "882", "883"],
  },
  build: createSmscx,
});

function createSmscx(
  settings: TokenSettings & SmscxSettings,
  { faults, clock, fateAt, requestsLeft }: SimulatorTools,
): SimulatedProvider {
  const tokens = createTokenDesk(settings, dialect, clock);
  const replays = createSmscxReplays();
  const sent = createSmscxSentMessages();

  function findLoginFault(incoming: Incoming, scope: string): SmscxError | null {
    const key = incoming.headers["x-api-key"];
    if (key !== undefined) {
      return key === settings.apiKey ? null : errorOf("invalid_api_key", 1001, "The API key is not valid.");
    }
    const check = tokens.check(incoming.headers.authorization);
    if (check.kind !== "good") return errorOf("invalid_token", 1002, "The access token is not valid.");
    return check.scopes.includes(scope)
      ? null
      : errorOf("insufficient_scope", 1003, `This needs the scope ${scope}.`);
  }

  function readSend(incoming: Incoming): SendRequest | SendRefused {
    const loginFault = findLoginFault(incoming, SEND_SCOPE);
    if (loginFault !== null) return refuse(loginFault);
    // ASSUMED: there is no 415 among the documented statuses.
    if (!hasMediaType(incoming, "application/json")) {
      return refuse(errorOf("invalid_body", 1000, "The body must be application/json."));
    }
    const reading = readSmscxMessage(incoming.body, clock.wallMs());
    if (!reading.ok) return refuse(reading.error, reading);
    const { request } = reading;
    const { idempotencyId } = request;
    const known = {
      reference: idempotencyId ?? request.trackData,
      recipients: request.recipients.map(({ digits }) => digits),
    };
    const first = idempotencyId === null ? null : replays.find(idempotencyId, clock.wallMs());
    if (first !== null && faults.strikes("duplicate-id")) {
      return refuse(errorOf("duplicate_id", 1004, "The idempotency id has been used before."), known);
    }
    if (first !== null)
      return { ...takeable(request, known), replay: true, accept: () => answer(request, first) };
    const refusal = judgeWhole(request);
    return refusal === null ? takeable(request, known) : refuse(refusal, known);
  }

  function judgeWhole({ recipients }: SmscxRequest): SmscxError | null {
    // ASSUMED: [php] does not say when coverage fails the whole request; here, when nobody is left.
    if (recipients.every(({ digits }) => !isCovered(digits))) {
      return errorOf("no_coverage", 1119, "No coverage or restricted destination");
    }
    return faults.strikes("no-credit") ? errorOf("insufficient_credit", 1113, "Insufficient credit") : null;
  }

  function takeable(request: SmscxRequest, known: Known): SendRequest {
    const wallMs = clock.wallMs();
    const outgoing: readonly SmscxOutgoing[] = request.recipients.map((recipient) => ({
      ...recipient,
      text: fillPlaceholders(request.text, wallMs),
      status: judge(recipient.digits, request),
    }));
    const refused = new Set(outgoing.flatMap(({ status }, index) => (isTaken(status) ? [] : [index])));
    return {
      kind: "send",
      ...known,
      segments: countSegments(request, outgoing),
      textOf: (index) => outgoing[index]?.text ?? null,
      accept: (incomplete) => ({ ...take(request, outgoing, incomplete), refused }),
    };
  }

  function take(request: SmscxRequest, outgoing: readonly SmscxOutgoing[], incomplete: boolean): SendAnswer {
    const { idempotencyId } = request;
    const { approvedSenders } = settings;
    const isApproved = approvedSenders === null || approvedSenders.includes(request.from);
    const from = isApproved ? request.from : DEFAULT_SENDER;
    const wallMs = clock.wallMs();
    const { info, data } = describeCampaign(request, outgoing, { from, wallMs });
    for (const [index, { msgId, to, countryIso, cost, status }] of data.entries()) {
      const text = outgoing[index]?.text ?? "";
      if (isTaken(status)) sent.add({ msgId, to, countryIso, cost, from, text, sentAtMs: wallMs });
    }
    const body = JSON.stringify({ info, data });
    if (idempotencyId !== null) replays.add(idempotencyId, body, clock.wallMs());
    const reports = [
      orderSmscxReports(
        data.filter(({ status }) => isTaken(status)),
        { ...request, ...info },
      ),
    ];
    if (!incomplete) return { ...answer(request, body), reports };
    const some = JSON.stringify({ info, data: data.filter((_row, index) => index % 2 === 1) });
    return { ...answer(request, some), reports };
  }

  /** [php, getSingleReport] */
  function answerReport(incoming: Incoming): Reply {
    const loginFault = findLoginFault(incoming, REPORTS_SCOPE);
    if (loginFault !== null) return replyTo(loginFault);
    const msgId = incoming.path.slice(SINGLE_REPORT_PATH.length);
    if (!UUID_FORM.test(msgId)) return replyTo(invalidParam(1165, "msg ID provided is not valid"));
    const message = sent.find(msgId);
    if (message === null) return replyTo(errorOf("not_found", 1160, "msg ID provided was not found"));
    const fate = fateAt(message.to.slice(1), message.sentAtMs);
    return rawJsonReply(200, describeSmscxSent(message, fate, clock.wallMs()), commonHeaders());
  }

  function judge(digits: string, { scheduledAtMs }: SmscxRequest): SmscxStatus {
    if (!isCovered(digits)) return "NO COVERAGE";
    if (faults.isRejected(digits)) return "REJECTED";
    return scheduledAtMs === null ? "ACCEPTED" : "SCHEDULED";
  }

  function isCovered(digits: string): boolean {
    return !settings.noCoveragePrefixes.some((prefix) => digits.startsWith(prefix));
  }

  function answer({ idempotencyId }: SmscxRequest, body: string): Reply {
    const echo = idempotencyId === null ? [] : ["X-Idempotency-Id", idempotencyId];
    return rawJsonReply(200, body, [...commonHeaders(), ...echo]);
  }

  /** [php] On every answer. ASSUMED: no rate headers where the simulator has no limit to tell. */
  function commonHeaders(): string[] {
    const rate = requestsLeft();
    const id = ["X-Request-Id", randomUUID()];
    if (rate === null) return id;
    return [...id, "X-Rate-Limit-Limit", String(rate.limit), "X-Rate-Limit-Remaining", String(rate.left)];
  }

  function replyTo(error: SmscxError, headers: readonly string[] = []): Reply {
    return smscxErrorReply(error, [...commonHeaders(), ...headers]);
  }

  function refuse(error: SmscxError, known: Known = NOBODY): SendRefused {
    const { reference, recipients } = known;
    return { kind: "refused", reply: replyTo(error), reference, recipients };
  }

  /** [php] Unix seconds. ASSUMED: the window is a second, as everywhere in the simulator. */
  function resetIn(seconds: number): string {
    return String(Math.ceil(clock.wallMs() / 1000 + seconds));
  }

  function faultReply(status: FaultStatus): Reply {
    switch (status) {
      case 401:
        return replyTo(errorOf("invalid_token", 1002, "The access token is not valid."));
      case 403:
        return replyTo(errorOf("access_denied", 1118, "The account may not send."));
      case 429:
        return replyTo(errorOf("rate_limit", 1005, "Too many requests."), [RESET_HEADER, resetIn(1)]);
      case 500:
        return replyTo(errorOf("server_error", 1006, "Something went wrong."));
      case 502:
      case 503:
      case 504:
        return { status, headers: ["Content-Type", "text/plain"], body: "" };
      default:
        return status satisfies never;
    }
  }

  return {
    tokenPath: "/oauth/token",
    tokens,
    isSend: ({ method, path }) => method === "POST" && path === SEND_PATH,
    readSend,
    isLookUp: isReportQuestion,
    answerOther: (incoming) => {
      if (isReportQuestion(incoming)) return answerReport(incoming);
      return incoming.path === SEND_PATH
        ? replyTo(errorOf("invalid_method", 1007, "The method is not allowed here."), ["Allow", "POST"])
        : replyTo(errorOf("not_found", 1008, "The resource was not found."));
    },
    faultReply,
    reports: smscxReports,
    withWait: (reply, value) => ({
      ...reply,
      headers: withHeader(reply.headers, RESET_HEADER, /^\d/.test(value) ? resetIn(Number(value)) : value),
    }),
    reset: () => {
      replays.clear();
      sent.clear();
    },
  };
}

type Known = { readonly reference: string | null; readonly recipients: readonly string[] };

function isReportQuestion({ method, path }: Incoming): boolean {
  return method === "GET" && path.startsWith(SINGLE_REPORT_PATH);
}

const NOBODY: Known = { reference: null, recipients: [] };

function errorOf(type: SmscxErrorType, code: number, message: string): SmscxError {
  return { type, code, message };
}

function countSegments({ text }: SmscxRequest, outgoing: readonly SmscxOutgoing[]): number {
  if (!text.includes("{{")) return measureText(text).segments * outgoing.length;
  return outgoing.reduce((sum, message) => sum + measureText(message.text).segments, 0);
}

/** In place of the header's other value. */
function withHeader(headers: readonly string[], name: string, value: string): readonly string[] {
  const at = headers.indexOf(name);
  return at < 0 ? [...headers, name, value] : headers.with(at + 1, value);
}
