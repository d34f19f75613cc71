// [5] What a provider is: facts and pure functions, data in and data out. No I/O happens behind this type;
// transport.ts alone sends. A new provider is one file of this shape and one line in index.ts.

import type { Account } from "../domain/account.ts";
import type { Batch, BatchForm, OutgoingMessage } from "../domain/batch.ts";
import type { CallId, MessageId } from "../domain/message.ts";
import type { AccountTrouble, Outcome } from "../domain/outcome.ts";
import type { PhoneNumber } from "../domain/phone-number.ts";
import type { InboundReading, Report, ReportReading } from "../domain/report.ts";
import type { Sensitive } from "../domain/sensitive.ts";

export type { Batch, BatchForm, OutgoingMessage };

export type Provider = {
  /** What volley.yaml calls it; the registry has it under this name. */
  readonly name: string;
  readonly facts: ProviderFacts;
  /** What an account logs in with: one of these. */
  readonly logins: readonly Login[];
  /** How to get an OAuth2 token; null where the account logs in with a fixed key. */
  readonly buildTokenRequest: (account: Account) => HttpRequest | null;
  /**
   * The `Authorization` header of an API call; `token` is null where buildTokenRequest gave null. Null: the call has
   * no such header, because its login stands in another one.
   */
  readonly authorization: (account: Account, token: Sensitive<string> | null) => Sensitive<string> | null;
  /** What the provider would do to this text that its writer did not mean; null: nothing. */
  readonly textFault: (text: string) => string | null;
  /**
   * What the provider has against this sender, continuing "the sender"; null: nothing. A null sender is one that
   * neither the message nor its account names.
   */
  readonly senderFault: (from: string | null) => string | null;
  /** False: this message must travel in a request of its own (its text does not fit the batch form). */
  readonly mayShareRequest: (message: OutgoingMessage, batch: BatchForm) => boolean;
  readonly buildRequest: (batch: Batch, account: Account) => HttpRequest;
  /** One outcome per message of the batch, in its order. Never throws, whatever the body holds. */
  readonly readResponse: (response: HttpResponse, batch: Batch) => Reading;
  /** Null: the provider cannot be asked what became of a call. */
  readonly lookUp: LookUp | null;
  /** What the provider sends to us; null: nothing that anybody has described. */
  readonly reports: ReportReader | null;
};

export type Login = {
  /** Secrets, by the names that volley.yaml has for them. */
  readonly credentials: readonly string[];
  /** Hosts to choose from with this login; the first is the default. */
  readonly regions?: readonly [string, ...string[]];
};

export type ProviderFacts = {
  /** Each customer has a host of his own, so that `baseUrl` must be configured. */
  readonly hasOwnHost: boolean;
  /** Messages in one send request. */
  readonly batchMax: number;
  /** Requests per second while the account configures none. */
  readonly defaultRequestsPerSecond: number;
  readonly defaultSegmentsPerSecond: number | null;
  /** Longest text in segments that the provider takes; longer ones are refused at intake. */
  readonly segmentsMax: number;
  readonly takesSender: boolean;
  /** False: a message is at its end when the provider has accepted it. */
  readonly hasReports: boolean;
  /** It brings the SMS that people send to us. */
  readonly hasInbound: boolean;
  /** Proofs of a report's sender that the provider can give beside the secret in the path. */
  readonly reportProofs: readonly ReportProof[];
  /** What an `unknown` can be settled by. */
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
  /**
   * True: to ask is to send the same call again under the same id, which the provider carries out once. The
   * ledger grants that like an attempt, and only for all messages of the call together.
   */
  readonly sendsAgain: boolean;
  /** Messages of one call in one question. */
  readonly messagesMax: number;
  /** Asked later than this after the attempt, the provider no longer knows, and its answer proves nothing. */
  readonly windowMs: number;
  readonly buildRequest: (question: LookUpQuestion, account: Account) => HttpRequest;
  readonly readResponse: (response: HttpResponse, question: LookUpQuestion) => LookUpAnswer;
};

/** The messages of a call whose end is not known; with `sendsAgain` all that the call had, as it had them. */
export type LookUpQuestion = Batch & {
  /** When the attempt was opened. */
  readonly openedAt: Date;
};

export type Finding =
  | { readonly kind: "accepted"; readonly providerMessageId: string | null }
  | { readonly kind: "rejected"; readonly reason: string }
  /** The provider was asked in full and does not have it. */
  | { readonly kind: "absent" }
  /** Of this one it did not say; the others are answered. */
  | { readonly kind: "undecided" };

export type LookUpAnswer =
  /** One finding per message of the question, in its order. */
  { readonly kind: "answered"; readonly findings: readonly Finding[] } | NoAnswer;

/** The provider could not say; ask again later. */
export type NoAnswer = {
  readonly kind: "no-answer";
  readonly reason: string;
  readonly trouble: AccountTrouble | null;
};

export type ReportProof = "hmac" | "basic" | "oauth2";

/** Pure like the rest: bytes that came to a door -> what they say. Never throws, whatever they hold. */
export type ReportReader = {
  /** Null: the body holds no delivery reports of this provider. */
  readonly readReports: (body: string) => ReportReading | null;
  /** Null: the body holds no inbound SMS and no opt-outs of this provider. */
  readonly readInbound: (body: string) => InboundReading | null;
  /** Checks the provider's own signature over the raw body, in constant time; null: it signs nothing. */
  readonly isSigned: ((request: SignedRequest, secret: Sensitive<string>, nowMs: number) => boolean) | null;
  /** Asks for reports that did not come; null: the provider cannot be asked. */
  readonly ask: ReportQuestions | null;
};

export type ReportQuestions = {
  /** Messages of one call in one question. */
  readonly messagesMax: number;
  /** Null: the provider told no name by which they could be asked about. */
  readonly buildRequest: (messages: readonly AskedMessage[], account: Account) => HttpRequest | null;
  readonly readResponse: (response: HttpResponse, messages: readonly AskedMessage[]) => ReportAnswer;
};

/** An accepted message; those of one question were sent by one call. */
export type AskedMessage = {
  readonly messageId: MessageId;
  readonly callId: CallId;
  readonly to: PhoneNumber;
  /** What the provider called it when it took it; null where it told nothing. */
  readonly providerMessageId: string | null;
};

export type ReportAnswer =
  /** As if they had come by themselves; messages that the provider has no word of are left out. */
  { readonly kind: "answered"; readonly reports: readonly Report[] } | NoAnswer;

export type SignedRequest = {
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly rawBody: Buffer;
};
