// mobile.digital as its public pages describe it (read 2026-11-22), which is little: much here is ASSUMED and says so.
//
//   https://www.apimobiledigital.com/oauth2-api-docs.html      token, scopes, POST /sendSMS, error codes   [docs]
//   https://www.apimobiledigital.com/webhook-api-docs.html     length of a text                            [web]
//
// It runs behind AWS API Gateway, whose own refusals have the shape {"message"}; the product's have
// {"error", "error_description"}. Both are used here.

import { randomUUID } from "node:crypto";
import { measureText } from "../domain/sms-text.ts";
import { parseJsonBody } from "./json-body.ts";
import { createTokenDesk, type TokenCheck, type TokenDialect, type TokenSettings } from "./oauth.ts";
import {
  type FaultStatus,
  hasMediaType,
  type Incoming,
  jsonReply,
  type ProviderFaults,
  type Reply,
  rawJsonReply,
  type SendAnswer,
  type SendRefused,
  type SendRequest,
  type SimulatedProvider,
  type SimulatorTools,
} from "./provider.ts";
import { mobileDigitalReports, orderMobileDigitalReport } from "./reports-mobile-digital.ts";
import { defineSimulated } from "./simulated.ts";

/** [web] A direct SMS has up to 306 characters. How it counts Unicode is unknown: UTF-16 units ASSUMED. */
const TEXT_CHARACTERS_MAX = 306;
/** The sample has "+61400000000" [docs]; that the plus is required, and the lengths, are ASSUMED. */
const RECIPIENT = /^\+([1-9]\d{6,14})$/;
const SEND_PATH = "/sendSMS";

// [docs] 401 for a wrong client, 403 for a scope, 400 for what is malformed. The words in `error` beyond
// invalid_client are those of RFC 6749, 5.2 and RFC 6750, 3.1: ASSUMED. So is 400 for a scope that the
// client may not ask for; [docs] speaks of 403 where a scope lacks in a call.
const dialect: TokenDialect = {
  tokenType: "Bearer",
  tokenForm: "jwt",
  credentials: "basic",
  hasScopes: true,
  refuse: (why, detail) => {
    switch (why) {
      case "client":
        return oauthError(401, "invalid_client", detail);
      case "method":
      case "grant":
      case "request":
        return oauthError(400, "invalid_request", detail);
      case "scope":
        return oauthError(400, "invalid_scope", detail);
      case "rate":
        return gatewayError(429);
      default:
        return why satisfies never;
    }
  },
  grant: (body) => jsonReply(200, body),
};

/** What API Gateway says by itself. ASSUMED: the general behaviour of that product, no Retry-After. */
const GATEWAY_MESSAGES: Readonly<Record<FaultStatus, string>> = {
  401: "Unauthorized",
  403: "Forbidden",
  429: "Too Many Requests",
  500: "Internal server error",
  502: "Internal server error",
  503: "Service Unavailable",
  504: "Endpoint request timed out",
};

export const mobileDigitalSimulated = defineSimulated<object>({
  credentials: { clientId: "demo-id", clientSecret: "demo-secret" },
  // [docs] These three are named for SMS.
  defaults: { scopes: ["read", "write", "admin"] },
  build: createMobileDigital,
});

function createMobileDigital(settings: TokenSettings, { faults, clock }: SimulatorTools): SimulatedProvider {
  const tokens = createTokenDesk(settings, dialect, clock);

  return {
    tokenPath: "/oauth2/token",
    tokens,
    isSend: ({ method, path }) => method === "POST" && path === SEND_PATH,
    readSend: (incoming) => {
      const refusal = refuseLogin(tokens.check(incoming.headers.authorization));
      return refusal === null ? readMessage(incoming, faults) : refused(refusal, []);
    },
    isLookUp: () => false,
    // A wrong path or verb sounds like a login fault and is none (ASSUMED: the gateway's words for "no such route").
    answerOther: () => jsonReply(403, { message: "Missing Authentication Token" }),
    faultReply: gatewayError,
    reports: mobileDigitalReports,
    reset: () => {},
  };
}

function refuseLogin(check: TokenCheck): Reply | null {
  switch (check.kind) {
    case "missing":
    case "unknown":
      return gatewayError(401);
    // [docs] 401 says "token expired", too; the word is RFC 6750's: ASSUMED.
    case "expired":
      return oauthError(401, "invalid_token", "The access token expired.");
    case "revoked":
      return oauthError(401, "invalid_token", "The access token was revoked.");
    case "good":
      // [docs] Sending needs the scope `write`, and a lacking scope is a 403.
      return check.scopes.includes("write")
        ? null
        : oauthError(403, "insufficient_scope", "Sending needs the scope write.");
    default:
      return check satisfies never;
  }
}

function readMessage(incoming: Incoming, faults: ProviderFaults): SendRequest | SendRefused {
  // ASSUMED: the gateway's answer to a media type that it has no mapping for.
  if (!hasMediaType(incoming, "application/json")) {
    return refused(jsonReply(415, { message: "Unsupported Media Type" }), []);
  }
  const body = parseJsonBody(incoming.body);
  if (body === null) return badRequest("The body must be a JSON object.");
  // [docs] These two fields and nothing else; that more are refused is ASSUMED.
  for (const name in body) {
    if (name !== "recipient" && name !== "message") return badRequest(`The field ${name} is not known.`);
  }
  const { recipient, message } = body;
  if (typeof recipient !== "string") return badRequest("recipient is required and must be a string.");
  if (typeof message !== "string") return badRequest("message is required and must be a string.");
  const digits = RECIPIENT.exec(recipient)?.[1];
  if (digits === undefined) return badRequest("recipient must be a number such as +61400000000.");
  if (message.length === 0) return badRequest("message is empty.", [digits]);
  if (message.length > TEXT_CHARACTERS_MAX) {
    return badRequest(`message is longer than ${TEXT_CHARACTERS_MAX} characters.`, [digits]);
  }
  if (faults.isRejected(digits)) return badRequest("recipient cannot be reached.", [digits]);
  return {
    kind: "send",
    // No client reference exists [docs].
    reference: null,
    recipients: [digits],
    segments: measureText(message).segments,
    textOf: () => message,
    accept: (incomplete) => acceptReply(digits, incomplete),
  };
}

/** ASSUMED altogether: the samples only print the answer, and nobody shows one. */
function acceptReply(digits: string, incomplete: boolean): SendAnswer {
  const messageId = randomUUID();
  const named = incomplete ? "" : `"messageId":"${messageId}",`;
  const reply = rawJsonReply(200, `{"success":true,${named}"status":"queued"}`);
  return { ...reply, reports: [orderMobileDigitalReport(messageId, digits)] };
}

function badRequest(description: string, recipients: readonly string[] = []): SendRefused {
  return refused(oauthError(400, "invalid_request", description), recipients);
}

function refused(reply: Reply, recipients: readonly string[]): SendRefused {
  return { kind: "refused", reply, reference: null, recipients };
}

/** [docs] */
function oauthError(status: number, error: string, description: string): Reply {
  return jsonReply(status, { error, error_description: description });
}

function gatewayError(status: FaultStatus): Reply {
  return jsonReply(status, { message: GATEWAY_MESSAGES[status] });
}
