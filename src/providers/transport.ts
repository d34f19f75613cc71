// [5] The one place that calls providers: it sends what an adapter built and turns every end into outcomes.
//
// The adapters are pure; here stand the rules that hold for all of them: what provably did not leave may be sent
// again, what may have left is `unknown`, and a reading has one outcome per message, whatever an adapter or a
// reply did. Nothing is repeated here: another try is the sending step's decision.

import type { Account } from "../domain/account.ts";
import type { AccountTrouble, Outcome } from "../domain/outcome.ts";
import { Sensitive } from "../domain/sensitive.ts";
import type { HttpCall, HttpClient, HttpResult } from "../platform/http-client.ts";
import { readRetryAfterMs } from "../platform/retry-after.ts";
import { nothingKnown } from "./asked-reports.ts";
import { type Providers, providerOf, providers as registry } from "./index.ts";
import type {
  AskedMessage,
  Batch,
  HttpRequest,
  HttpResponse,
  LookUpAnswer,
  LookUpQuestion,
  NoAnswer,
  Provider,
  Reading,
  ReportAnswer,
} from "./provider.ts";
import { noAnswer, readAll, readUnknown } from "./reading.ts";

const DEADLINE_MS = 30_000;
const RESPONSE_BYTES_MAX = 1_048_576;
/** What a provider may say of one message, beside what it repeats of the request. */
const RESPONSE_BYTES_PER_MESSAGE_MAX = 2_048;
/** A reply may repeat the request, and JSON may write one byte of it as six (`\u003d`). */
const ECHO_GROWTH_MAX = 6;
const noOutcome: Outcome = { kind: "unknown", reason: "no-outcome" };

export type Transport = {
  readonly send: (
    batch: Batch,
    account: Account,
    token: Sensitive<string> | null,
    options?: { readonly deadlineMs?: number },
  ) => Promise<Reading>;
  readonly lookUp: (
    question: LookUpQuestion,
    account: Account,
    token: Sensitive<string> | null,
  ) => Promise<LookUpAnswer>;
  /** `messages` are of one call, at most as many as the provider's questions take. */
  readonly askReports: (
    messages: readonly AskedMessage[],
    account: Account,
    token: Sensitive<string> | null,
  ) => Promise<ReportAnswer>;
};

export function createTransport(options: {
  readonly http: HttpClient;
  readonly providers?: Providers;
  readonly deadlineMs?: number;
}): Transport {
  const { http, providers = registry, deadlineMs: deadlineMsDefault = DEADLINE_MS } = options;

  function call(request: HttpCall, messages: number, deadlineMs: number): Promise<HttpResult> {
    const requestBytes = request.body === null ? 0 : Buffer.byteLength(request.body);
    const responseBytesMax =
      RESPONSE_BYTES_MAX + ECHO_GROWTH_MAX * requestBytes + RESPONSE_BYTES_PER_MESSAGE_MAX * messages;
    return http.send(request, { deadlineMs, responseBytesMax });
  }

  /** A question that need not be sent is answered by its builder. */
  async function ask<Answer extends LookUpAnswer | ReportAnswer>(
    build: () => HttpCall | Answer,
    messages: number,
    read: (response: HttpResponse) => Answer,
  ): Promise<Answer | NoAnswer> {
    const request = attempt(build);
    if (request === null) return noAnswer("unbuildable-request");
    if ("kind" in request) return request;
    const result = await call(request, messages, deadlineMsDefault);
    if (result.kind === "failed") return noAnswer(result.reason);
    const answer = attempt(() => read(result));
    if (answer === null) return noAnswer("unreadable");
    if (answer.kind === "no-answer") return { ...answer, trouble: withHint(answer.trouble, result) };
    return answer;
  }

  return {
    async send(batch, account, token, { deadlineMs = deadlineMsDefault } = {}) {
      const provider = providerOf(account, providers);
      const request = attempt(() => reveal(provider.buildRequest(batch, account), provider, account, token));
      if (request === null) return readAll(batch, later("unbuildable-request"));
      const result = await call(request, batch.messages.length, deadlineMs);
      if (result.kind === "failed") {
        if (result.mayHaveLeft) return readUnknown(batch, result.reason);
        const trouble: AccountTrouble = { kind: "failing", reason: result.reason };
        return { ...readAll(batch, later(result.reason)), trouble };
      }
      const reading = attempt(() => provider.readResponse(result, batch));
      if (reading === null) return readUnknown(batch, "unreadable");
      return {
        outcomes: batch.messages.map((_message, index) => reading.outcomes[index] ?? noOutcome),
        trouble: withHint(reading.trouble, result),
      };
    },

    async lookUp(question, account, token) {
      const provider = providerOf(account, providers);
      const { lookUp } = provider;
      if (lookUp === null) return noAnswer("no-look-up");
      const answer = await ask<LookUpAnswer>(
        () => reveal(lookUp.buildRequest(question, account), provider, account, token),
        question.messages.length,
        (response) => lookUp.readResponse(response, question),
      );
      if (answer.kind === "no-answer") return answer;
      const isWhole = answer.findings.length === question.messages.length;
      return isWhole ? answer : noAnswer("unreadable");
    },

    async askReports(messages, account, token) {
      const provider = providerOf(account, providers);
      const questions = provider.reports?.ask ?? null;
      if (questions === null) return noAnswer("no-questions");
      return ask<ReportAnswer>(
        () => {
          const request = questions.buildRequest(messages, account);
          return request === null ? nothingKnown : reveal(request, provider, account, token);
        },
        messages.length,
        (response) => questions.readResponse(response, messages),
      );
    },
  };
}

/** An adapter that throws is a fault of ours; it must cost no more than the batch it was given. */
function attempt<T>(work: () => T): T | null {
  try {
    return work();
  } catch {
    return null;
  }
}

function reveal(
  request: HttpRequest,
  provider: Provider,
  account: Account,
  token: Sensitive<string> | null,
): HttpCall {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    headers[name] = value instanceof Sensitive ? value.reveal() : value;
  }
  const authorization = provider.authorization(account, token);
  if (authorization !== null) headers.authorization = authorization.reveal();
  return { method: request.method, url: request.url, headers, body: request.body?.reveal() ?? null };
}

/** Retry-After is read here for everybody; a provider with a header of its own has filled in its hint already. */
function withHint(trouble: AccountTrouble | null, response: HttpResponse): AccountTrouble | null {
  if (trouble?.kind !== "throttled" || trouble.retryAfterMs !== null) return trouble;
  return { ...trouble, retryAfterMs: readRetryAfterMs(response.headers) };
}

function later(reason: string): Outcome {
  return { kind: "later", reason, usesTry: true };
}
