// How the client asks: one request, its answer or the refusal, over fetch.

import type { Problem } from "../http/contract/problem.ts";

export type ClientOptions = {
  /** Where the server answers: https://sms.example.org */
  readonly url: string;
  readonly apiKey: string;
  /** For a request and its answer; an upload and what is streamed have no limit. Default: 30 s. */
  readonly timeoutMs?: number;
};

export type Once = {
  /** The same key and request again, within a day, creates nothing new and is answered with the first answer. */
  readonly idempotencyKey?: string;
};

export type Query = Readonly<Record<string, string | number | Date | undefined>>;
/** Bytes as they come; their length need not be known. */
export type Upload = { readonly type: string; readonly stream: AsyncIterable<Uint8Array> };
type Request = Once & { readonly query?: Query; readonly json?: unknown; readonly upload?: Upload };

/** Thrown for every refusal; `problem.code` is stable. */
export type ApiError = Error & { readonly problem: Problem };

export function isApiError(error: unknown): error is ApiError {
  return error instanceof Error && "problem" in error;
}

const TIMEOUT_MS = 30_000;

export type Caller = ReturnType<typeof createCaller>;

export function createCaller({ url, apiKey, timeoutMs = TIMEOUT_MS }: ClientOptions) {
  const base = url.replace(/\/+$/, "");

  async function ask(method: string, path: string, request: Request, signal: AbortSignal | null) {
    const { query = {}, json, upload, idempotencyKey } = request;
    const type = upload?.type ?? (json === undefined ? undefined : "application/json");
    const init = {
      method,
      signal,
      headers: {
        authorization: `Bearer ${apiKey}`,
        ...(type === undefined ? {} : { "content-type": type }),
        ...(idempotencyKey === undefined ? {} : { "idempotency-key": idempotencyKey }),
      },
      ...(json === undefined ? {} : { body: JSON.stringify(json) }),
      ...(upload === undefined ? {} : { body: upload.stream, duplex: "half" as const }),
    };
    const reply = await fetch(base + path + queryText(query), init);
    if (!reply.ok) throw problemOf(reply, await reply.text());
    return reply;
  }

  return {
    /** Rejects with an ApiError, with a TimeoutError, or with what fetch says of a broken connection. */
    async call<Answer>(method: string, path: string, request: Request = {}): Promise<Answer> {
      const signal = request.upload === undefined ? AbortSignal.timeout(timeoutMs) : null;
      const text = await (await ask(method, path, request, signal)).text();
      // The server has checked its answer by the same schema as the type.
      return (text === "" ? undefined : JSON.parse(text)) as Answer;
    },

    /** As they come; whoever stops reading ends the answer. */
    async *stream(path: string, query: Query = {}): AsyncGenerator<Uint8Array, void> {
      const { body } = await ask("GET", path, { query }, null);
      if (body !== null) yield* body;
    },
  };
}

function queryText(query: Query): string {
  const given = Object.entries(query).flatMap(([name, value]): [string, string][] =>
    value === undefined ? [] : [[name, value instanceof Date ? value.toISOString() : String(value)]],
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
