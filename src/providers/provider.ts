// [5] What a provider is: facts and pure functions, data in and data out. No I/O happens behind this type;
// transport.ts alone sends. A new provider is one file of this shape and one line in index.ts.

import type { Account, ProviderName } from "../domain/account.ts";
import type { Batch, BatchForm, OutgoingMessage } from "../domain/batch.ts";
import type { CallId } from "../domain/message.ts";
import type { AccountTrouble, Outcome } from "../domain/outcome.ts";
import type { PhoneNumber } from "../domain/phone-number.ts";
import type { Sensitive } from "../domain/sensitive.ts";

export type { Batch, BatchForm, OutgoingMessage };

export type Provider = {
  readonly name: ProviderName;
  readonly facts: ProviderFacts;
  /** How to get an OAuth2 token; null where the account logs in with a fixed key. */
  readonly buildTokenRequest: (account: Account) => HttpRequest | null;
  /** The `Authorization` header of an API call; `token` is null where buildTokenRequest gave null. */
  readonly authorization: (account: Account, token: Sensitive<string> | null) => Sensitive<string>;
  /** False: this message must travel in a request of its own (its text does not fit the batch form). */
  readonly mayShareRequest: (message: OutgoingMessage, batch: BatchForm) => boolean;
  readonly buildRequest: (batch: Batch, account: Account) => HttpRequest;
  /** One outcome per message of the batch, in its order. Never throws, whatever the body holds. */
  readonly readResponse: (response: HttpResponse, batch: Batch) => Reading;
  /** Null: the provider cannot be asked what became of a call. */
  readonly lookUp: LookUp | null;
};

export type ProviderFacts = {
  /** Messages in one send request. */
  readonly batchMax: number;
  /** Requests per second while the account configures none. */
  readonly defaultRequestsPerSecond: number;
  readonly defaultSegmentsPerSecond: number | null;
  /** Longest text in segments that the provider takes; longer ones are refused at intake. */
  readonly segmentsMax: number;
  readonly takesSender: boolean;
  readonly hasReports: boolean;
  /** One line for people: what an `unknown` can be settled by. */
  readonly unknownSettledBy: "look-up" | "idempotent-resend" | "class";
  /** Vendor pages these facts were read from. */
  readonly sources: readonly string[];
};

export type HttpRequest = {
  readonly method: "GET" | "POST";
  readonly url: string;
  /** Lower-case names. No authorization for API calls: the transport adds it. */
  readonly headers: Readonly<Record<string, string | Sensitive<string>>>;
  readonly body: Sensitive<string> | null;
};

export type HttpResponse = {
  readonly status: number;
  /** Lower-case names; a repeated header is joined by ", ". */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
};

export type Reading = {
  readonly outcomes: readonly Outcome[];
  readonly trouble: AccountTrouble | null;
};

export type LookUp = {
  readonly buildRequest: (question: LookUpQuestion, account: Account) => HttpRequest;
  readonly readResponse: (response: HttpResponse, question: LookUpQuestion) => LookUpAnswer;
};

export type LookUpQuestion = {
  readonly callId: CallId;
  /** When the attempt was opened. */
  readonly openedAt: Date;
  readonly recipients: readonly PhoneNumber[];
};

export type LookUpAnswer =
  /** One entry per recipient of the question, in its order: the provider's id, or null where it has none of it. */
  | { readonly kind: "answered"; readonly providerMessageIds: readonly (string | null)[] }
  /** The provider could not say; ask again later. */
  | { readonly kind: "no-answer"; readonly reason: string; readonly trouble: AccountTrouble | null };
