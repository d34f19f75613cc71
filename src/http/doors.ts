// What the API's handlers get: parts, passed in by the entry. No handler builds SQL, and none calls a provider.

import type {
  FastifyBaseLogger,
  FastifyInstance,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import type { Account } from "../domain/account.ts";
import type { EndpointId } from "../domain/endpoint.ts";
import type { CampaignId } from "../domain/message.ts";
import type { IntakeRules } from "../intake/choose-accounts.ts";
import type { Ledger } from "../ledger/ledger.ts";
import type { Limiter } from "../limits/limiter.ts";
import type { Logger } from "../platform/log.ts";
import type { Enqueue } from "../queue/enqueue.ts";
import type { SharedTokens } from "../tokens/shared-token.ts";
import type { WebhookOutcome } from "../webhooks/deliver.ts";
import type { Webhooks } from "../webhooks/webhooks.ts";

export type ApiDoors = {
  readonly ledger: Ledger;
  readonly rules: IntakeRules;
  readonly accounts: ReadonlyMap<string, { readonly account: Account }>;
  readonly enqueue: Pick<Enqueue, "chunks" | "endpoints">;
  readonly webhooks: Pick<Webhooks, "checkUrl" | "createSecret" | "showSecret">;
  /** One event, sent now. Null: there is no such endpoint. */
  readonly testWebhook: (id: EndpointId) => Promise<WebhookOutcome | { readonly kind: "secret-lost" } | null>;
  /** Not waited for, and never fail: what they leave undone the sweep does. */
  readonly releaseCampaign: (id: CampaignId) => void;
  readonly takeBack: (id: CampaignId) => void;
  readonly tokens: Pick<SharedTokens, "show" | "refresh">;
  readonly limiter: Pick<Limiter, "state">;
  readonly log: Logger;
};

/** A Fastify whose handlers take their types from zod schemas. */
export type Api = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression<RawServerDefault>,
  RawReplyDefaultExpression<RawServerDefault>,
  FastifyBaseLogger,
  ZodTypeProvider
>;
