// How the client asks: one request, its answer or the refusal, over fetch.
//
// What comes back may be from something in between: a proxy's error, a page to log in. Whatever is not Volley's is an
// ApiError as well, and never taken for an answer. No redirect is followed: fetch would make a GET of a POST.

import type { Problem } from "../http/contract/problem.ts";

export type ClientOptions = {
  /** Where the server answers: https://sms.example.org */
  readonly url: string;
  readonly apiKey: string;
  /**
   * For a request and its answer. Default: 30 s. An upload and what is streamed have no limit of their own: give them a
   * signal. Node's fetch ends them after five minutes in which nothing moves.
   */
  readonly timeoutMs?: number;
};

export type Once = {
  /** The same key and request again, within a day, creates nothing new and is answered with the first answer. */
  readonly idempotencyKey?: string;
};

/** Of an upload or a stream: `AbortSignal.timeout(ms)`, or the controller's of whoever ends it. */
export type Until = { readonly signal?: AbortSignal };

export type Query = Readonly<Record<string, string | number | Date | undefined>>;
/** Bytes as they come; their length need not be known. */
export type Upload = Until & { readonly type: string; readonly stream: AsyncIterable<Uint8Array> };
type Request = Once & { readonly query?: Query; readonly json?: unknown; readonly upload?: Upload };
type Wanted = { readonly accept: string; readonly signal: AbortSignal | null };

/** Thrown for every refusal; `problem.code` is stable. */
export type ApiError = Error & { readonly problem: Problem };

export function isApiError(error: unknown): error is ApiError {
  return error instanceof Error && "problem" in error;
}

const TIMEOUT_MS = 30_000;
const JSON_TYPE = "application/json";
const NO_CONTENT = 204;

export type Caller = ReturnType<typeof createCaller>;

export function createCaller({ url, apiKey, timeoutMs = TIMEOUT_MS }: ClientOptions) {
  const base = url.replace(/\/+$/, "");

  async function ask(method: string, path: string, request: Request, { accept, signal }: Wanted) {
    const { query = {}, json, upload, idempotencyKey } = request;
    const type = upload?.type ?? (json === undefined ? undefined : JSON_TYPE);
    const init = {
      method,
      signal,
      redirect: "manual" as const,
      headers: {
        accept,
        authorization: `Bearer ${apiKey}`,
        ...(type === undefined ? {} : { "content-type": type }),
        ...(idempotencyKey === undefined ? {} : { "idempotency-key": idempotencyKey }),
      },
      ...(json === undefined ? {} : { body: JSON.stringify(json) }),
      ...(upload === undefined ? {} : { body: upload.stream, duplex: "half" as const }),
    };
    const reply = await fetch(base + path + queryText(query), init);
    if (!reply.ok) throw refusalOf(reply, await reply.text());
    if (reply.status === NO_CONTENT || isOf(reply, accept)) return reply;
    await reply.body?.cancel();
    throw errorOf(strange(reply.status));
  }

  return {
    /** Rejects with an ApiError, with a TimeoutError, or with what fetch says of a broken connection. */
    async call<Answer>(method: string, path: string, request: Request = {}): Promise<Answer> {
      const { upload } = request;
      const signal = upload === undefined ? AbortSignal.timeout(timeoutMs) : (upload.signal ?? null);
      const text = await (await ask(method, path, request, { accept: JSON_TYPE, signal })).text();
      // The server has checked its answer by the same schema as the type.
      return (text === "" ? undefined : JSON.parse(text)) as Answer;
    },

    /** As they come; whoever stops reading ends the answer, and a signal throws its reason. */
    async *stream(
      path: string,
      { accept, query = {}, signal }: Until & { readonly accept: string; readonly query?: Query },
    ): AsyncGenerator<Uint8Array, void> {
      const { body } = await ask("GET", path, { query }, { accept, signal: signal ?? null });
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

function isOf(reply: Response, type: string): boolean {
  return reply.headers.get("content-type")?.startsWith(type) === true;
}

function refusalOf(reply: Response, text: string): ApiError {
  const problem = isOf(reply, "application/problem+json") ? parseProblem(text) : null;
  return errorOf(problem ?? strange(reply.status));
}

/** Null: other programs write problem+json, too, and without our codes. */
function parseProblem(text: string): Problem | null {
  try {
    const body: unknown = JSON.parse(text);
    const isOurs = typeof body === "object" && body !== null && "code" in body && "title" in body;
    return isOurs ? (body as Problem) : null;
  } catch {
    return null;
  }
}

function strange(status: number): Problem {
  const detail = `HTTP ${status}, and nothing of Volley's in it: check the url, and what stands in between.`;
  return { type: "about:blank", title: `HTTP ${status}`, status, code: "unavailable", detail };
}

function errorOf(problem: Problem): ApiError {
  return Object.assign(new Error(problem.detail ?? problem.title), { problem });
}
