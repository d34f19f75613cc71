// A typed client of the HTTP API, for programs that do not share Volley's configuration. The types are those of the
// schemas that the server checks requests and answers by; nothing but fetch is needed at run time.
//
//   const volley = createClient({ url: "https://sms.example.org", apiKey });
//   await volley.messages.send({ to: "+46701740605", text: "Hello" }, { idempotencyKey: order.id });

import type { z } from "zod";
import type * as campaigns from "./http/contract/campaigns.ts";
import type * as messages from "./http/contract/messages.ts";
import type { Problem } from "./http/contract/problem.ts";
import type * as retries from "./http/contract/retries.ts";
import type * as suppressions from "./http/contract/suppressions.ts";
import type * as endpoints from "./http/contract/webhook-endpoints.ts";

export type ClientOptions = {
  /** Where the server answers: https://sms.example.org */
  readonly url: string;
  readonly apiKey: string;
  /** For a request and its answer; an upload has no limit. Default: 30 s. */
  readonly timeoutMs?: number;
};

export type Once = {
  /** The same key and request again, within a day, creates nothing new and is answered with the first answer. */
  readonly idempotencyKey?: string;
};

type In<Schema extends z.ZodType> = z.input<Schema>;
type Out<Schema extends z.ZodType> = z.output<Schema>;
type Query = Readonly<Record<string, string | number | undefined>>;
type Body =
  | { readonly json: unknown }
  | { readonly stream: AsyncIterable<Uint8Array>; readonly type: string };

const TIMEOUT_MS = 30_000;

/** Thrown for every refusal; `problem.code` is stable. */
export type ApiError = Error & { readonly problem: Problem };

export function isApiError(error: unknown): error is ApiError {
  return error instanceof Error && "problem" in error;
}

export function createClient({ url, apiKey, timeoutMs = TIMEOUT_MS }: ClientOptions) {
  const base = url.replace(/\/+$/, "");

  async function call<Answer>(
    method: string,
    path: string,
    { query = {}, body, idempotencyKey }: { query?: Query; body?: Body } & Once = {},
  ): Promise<Answer> {
    const isStream = body !== undefined && "stream" in body;
    const type = body === undefined ? undefined : isStream ? body.type : "application/json";
    const init = {
      method,
      headers: {
        authorization: `Bearer ${apiKey}`,
        ...(type === undefined ? {} : { "content-type": type }),
        ...(idempotencyKey === undefined ? {} : { "idempotency-key": idempotencyKey }),
      },
      ...(body === undefined ? {} : { body: isStream ? body.stream : JSON.stringify(body.json) }),
      ...(isStream ? { duplex: "half" as const } : { signal: AbortSignal.timeout(timeoutMs) }),
    };
    const reply = await fetch(base + path + queryText(query), init);
    const text = await reply.text();
    if (!reply.ok) throw problemOf(reply, text);
    // The server has checked its answer by the same schema as the type.
    return (text === "" ? undefined : JSON.parse(text)) as Answer;
  }
  const post = <Answer>(path: string, json?: unknown, once: Once = {}) =>
    call<Answer>("POST", path, { ...once, ...(json === undefined ? {} : { body: { json } }) });

  return {
    messages: {
      send: (message: In<typeof messages.newMessage>, once?: Once) =>
        post<Out<typeof messages.acceptedMessage>>("/v1/messages", message, once),
      get: (id: string) =>
        call<Out<typeof messages.messageWithTimeline>>("GET", `/v1/messages/${encodeURIComponent(id)}`),
      list: (query: In<typeof messages.messageQuery> = {}) =>
        call<Out<typeof messages.messagePage>>("GET", "/v1/messages", { query }),
      /** Before it is sent. */
      cancel: (id: string) =>
        call<Out<typeof messages.cancelledMessage>>("DELETE", `/v1/messages/${encodeURIComponent(id)}`),
      retryFailed: (wish: In<typeof retries.retryWish> = null) =>
        post<Out<typeof retries.retriedMessages>>("/v1/messages/retry-failed", wish ?? {}),
    },
    campaigns: {
      create: (campaign: In<typeof campaigns.newCampaign>, once?: Once) =>
        post<Out<typeof campaigns.createdCampaign>>("/v1/campaigns", campaign, once),
      get: (id: string) =>
        call<Out<typeof campaigns.campaignProgress>>("GET", `/v1/campaigns/${encodeURIComponent(id)}`),
      list: (query: In<typeof campaigns.campaignQuery> = {}) =>
        call<Out<typeof campaigns.campaignPage>>("GET", "/v1/campaigns", { query }),
      /** Streams a file of any size; repeat it when it breaks off: nobody is taken twice. */
      upload: (
        id: string,
        file: {
          readonly type: "text/csv" | "application/x-ndjson";
          readonly stream: AsyncIterable<Uint8Array>;
        },
        query: In<typeof campaigns.uploadQuery> = {},
      ) =>
        call<Out<typeof campaigns.upload>>("PUT", `/v1/campaigns/${encodeURIComponent(id)}/recipients`, {
          query,
          body: file,
        }),
      /** A draft's name at any time; the rest while it has no recipients. */
      edit: (id: string, json: In<typeof campaigns.draftChange>) =>
        call<Out<typeof campaigns.campaign>>("PATCH", `/v1/campaigns/${encodeURIComponent(id)}`, {
          body: { json },
        }),
      remove: (id: string) =>
        call<Out<typeof campaigns.deletedCampaign>>("DELETE", `/v1/campaigns/${encodeURIComponent(id)}`),
      retryFailed: (id: string, wish: In<typeof retries.retryWish> = null) =>
        post<Out<typeof retries.retriedCampaign>>(
          `/v1/campaigns/${encodeURIComponent(id)}/retry-failed`,
          wish ?? {},
        ),
      start: (id: string) => move(id, "start"),
      pause: (id: string) => move(id, "pause"),
      resume: (id: string) => move(id, "resume"),
      cancel: (id: string) => move(id, "cancel"),
    },
    suppressions: {
      list: (query: In<typeof suppressions.suppressionQuery> = {}) =>
        call<Out<typeof suppressions.suppressionPage>>("GET", "/v1/suppressions", { query }),
      add: (number: string, json: In<typeof suppressions.newSuppression> = null) =>
        call<Out<typeof suppressions.suppressed>>("PUT", `/v1/suppressions/${encodeURIComponent(number)}`, {
          body: { json: json ?? {} },
        }),
      remove: (number: string) => call<undefined>("DELETE", `/v1/suppressions/${encodeURIComponent(number)}`),
    },
    webhookEndpoints: {
      create: (endpoint: In<typeof endpoints.newEndpoint>, once?: Once) =>
        post<Out<typeof endpoints.createdEndpoint>>("/v1/webhook-endpoints", endpoint, once),
      list: () => call<Out<typeof endpoints.endpointList>>("GET", "/v1/webhook-endpoints"),
      remove: (id: string) => call<undefined>("DELETE", `/v1/webhook-endpoints/${encodeURIComponent(id)}`),
    },
  };

  function move(id: string, verb: string) {
    return post<Out<typeof campaigns.movedCampaign>>(`/v1/campaigns/${encodeURIComponent(id)}/${verb}`);
  }
}

function queryText(query: Query): string {
  const given = Object.entries(query).flatMap(([name, value]): [string, string][] =>
    value === undefined ? [] : [[name, String(value)]],
  );
  return given.length === 0 ? "" : `?${new URLSearchParams(given)}`;
}

/** What is no problem+json comes from something in between. */
function problemOf(reply: Response, text: string): ApiError {
  const status = reply.status;
  const fallback: Problem = { type: "about:blank", title: `HTTP ${status}`, status, code: "unavailable" };
  const isProblem = reply.headers.get("content-type")?.startsWith("application/problem+json") === true;
  const problem: Problem = isProblem ? JSON.parse(text) : fallback;
  return Object.assign(new Error(problem.detail ?? problem.title), { problem });
}
