// A typed client of the HTTP API, for programs that do not share Volley's configuration. The types are those of the
// schemas that the server checks requests and answers by; nothing but fetch is needed at run time.
//
//   const volley = createClient({ url: "https://sms.example.org", apiKey });
//   await volley.messages.send({ to: "+46701740605", text: "Hello" }, { idempotencyKey: order.id });

import type { z } from "zod";
import { type Caller, type ClientOptions, createCaller, type Once, type Until } from "./client/call.ts";
import { readEvents } from "./client/events.ts";
import type * as accounts from "./http/contract/accounts.ts";
import type * as campaigns from "./http/contract/campaigns.ts";
import type * as erasures from "./http/contract/erasures.ts";
import type * as messages from "./http/contract/messages.ts";
import type { preview } from "./http/contract/preview.ts";
import type * as reminders from "./http/contract/reminders.ts";
import type * as retries from "./http/contract/retries.ts";
import type * as suppressions from "./http/contract/suppressions.ts";
import type * as endpoints from "./http/contract/webhook-endpoints.ts";

export { type ApiError, isApiError } from "./client/call.ts";
export type { ClientOptions, Once, Until };

type In<Schema extends z.ZodType> = z.input<Schema>;
type Out<Schema extends z.ZodType> = z.output<Schema>;
/** A page of a list; in the query itself everything is text. */
type Page<Schema extends z.ZodType> = Omit<In<Schema>, "limit"> & { readonly limit?: number };

export function createClient(options: ClientOptions) {
  const caller = createCaller(options);
  const { call } = caller;
  return {
    messages: messagesOf(caller),
    campaigns: campaignsOf(caller),
    reminders: remindersOf(caller),
    suppressions: suppressionsOf(caller),
    webhookEndpoints: endpointsOf(caller),
    accounts: {
      list: () => call<Out<typeof accounts.accountList>>("GET", "/v1/accounts"),
      /** Gets a new token now. */
      refreshToken: (name: string) =>
        call<Out<typeof accounts.token>>("POST", `${path("/v1/accounts", name)}/token/refresh`),
    },
    /** Forgets a person. */
    erase: (number: string) =>
      call<Out<typeof erasures.erasure>>("POST", "/v1/erasures", { json: { number } }),
    /**
     * Everything as it stands, then what changes, as it changes. The server ends it every few minutes: call again.
     * Leaving the loop closes the connection; while nothing comes, only a signal does.
     */
    events: (until?: Until) =>
      readEvents(caller.stream("/v1/stream", { accept: "text/event-stream", ...until })),
  };
}

function messagesOf({ call }: Caller) {
  const root = "/v1/messages";
  return {
    send: (json: In<typeof messages.newMessage>, once?: Once) =>
      call<Out<typeof messages.acceptedMessage>>("POST", root, { json, ...once }),
    get: (id: string) => call<Out<typeof messages.messageWithTimeline>>("GET", path(root, id)),
    list: (query: Page<typeof messages.messageQuery> = {}) =>
      call<Out<typeof messages.messagePage>>("GET", root, { query }),
    /** Before it is sent. */
    cancel: (id: string) => call<Out<typeof messages.cancelledMessage>>("DELETE", path(root, id)),
    /** Those outside of campaigns. */
    retryFailed: (wish: In<typeof retries.retryWish> = null, once?: Once) =>
      call<Out<typeof retries.retriedMessages>>("POST", `${root}/retry-failed`, {
        json: wish ?? {},
        ...once,
      }),
  };
}

function campaignsOf({ call, stream }: Caller) {
  const root = "/v1/campaigns";
  const move = (verb: "start" | "pause" | "resume" | "cancel") => (id: string) =>
    call<Out<typeof campaigns.movedCampaign>>("POST", `${path(root, id)}/${verb}`);
  return {
    create: (json: In<typeof campaigns.newCampaign>, once?: Once) =>
      call<Out<typeof campaigns.createdCampaign>>("POST", root, { json, ...once }),
    get: (id: string) => call<Out<typeof campaigns.campaignProgress>>("GET", path(root, id)),
    list: (query: Page<typeof campaigns.campaignQuery> = {}) =>
      call<Out<typeof campaigns.campaignPage>>("GET", root, { query }),
    /** Streams a file of any size; repeat it when it breaks off: nobody is taken twice. */
    upload: (
      id: string,
      upload: Until & {
        readonly type: "text/csv" | "application/x-ndjson";
        readonly stream: AsyncIterable<Uint8Array>;
      },
      query: In<typeof campaigns.uploadQuery> = {},
    ) => call<Out<typeof campaigns.upload>>("PUT", `${path(root, id)}/recipients`, { query, upload }),
    /** What it would be: segments, cost, time, samples and warnings. */
    preview: (id: string) => call<Out<typeof preview>>("GET", `${path(root, id)}/preview`),
    /** A draft's name at any time; the rest while it has no recipients. */
    edit: (id: string, json: In<typeof campaigns.draftChange>) =>
      call<Out<typeof campaigns.campaign>>("PATCH", path(root, id), { json }),
    start: move("start"),
    pause: move("pause"),
    resume: move("resume"),
    cancel: move("cancel"),
    retryFailed: (id: string, wish: In<typeof retries.retryWish> = null, once?: Once) =>
      call<Out<typeof retries.retriedCampaign>>("POST", `${path(root, id)}/retry-failed`, {
        json: wish ?? {},
        ...once,
      }),
    /** CSV as it comes, a row a message. An answer that breaks off throws: it is not the whole file. */
    exportCsv: (id: string, query: In<typeof campaigns.exportQuery> = {}, until?: Until) =>
      stream(`${path(root, id)}/export.csv`, { accept: "text/csv", query, ...until }),
    /** `deleted` is false while a large one is still being deleted: ask again. */
    remove: (id: string) => call<Out<typeof campaigns.deletedCampaign>>("DELETE", path(root, id)),
  };
}

function remindersOf({ call }: Caller) {
  const root = "/v1/reminders";
  return {
    /** The same again changes nothing; anything else under the key takes its place. */
    put: (key: string, json: In<typeof reminders.reminderWish>) =>
      call<Out<typeof reminders.keptReminder>>("PUT", path(root, key), { json }),
    get: (key: string) => call<Out<typeof reminders.reminder>>("GET", path(root, key)),
    list: (query: Page<typeof reminders.reminderQuery> = {}) =>
      call<Out<typeof reminders.reminderPage>>("GET", root, { query }),
    cancel: (key: string) => call<Out<typeof reminders.cancelledReminder>>("DELETE", path(root, key)),
  };
}

function suppressionsOf({ call }: Caller) {
  const root = "/v1/suppressions";
  return {
    list: (query: Page<typeof suppressions.suppressionQuery> = {}) =>
      call<Out<typeof suppressions.suppressionPage>>("GET", root, { query }),
    add: (number: string, wish: In<typeof suppressions.newSuppression> = null) =>
      call<Out<typeof suppressions.suppressed>>("PUT", path(root, number), { json: wish ?? {} }),
    remove: (number: string) => call<undefined>("DELETE", path(root, number)),
  };
}

function endpointsOf({ call }: Caller) {
  const root = "/v1/webhook-endpoints";
  return {
    /** Its answer is the only one that shows the secret. */
    create: (json: In<typeof endpoints.newEndpoint>, once?: Once) =>
      call<Out<typeof endpoints.createdEndpoint>>("POST", root, { json, ...once }),
    get: (id: string) => call<Out<typeof endpoints.endpoint>>("GET", path(root, id)),
    list: () => call<Out<typeof endpoints.endpointList>>("GET", root),
    edit: (id: string, json: In<typeof endpoints.endpointChange>) =>
      call<Out<typeof endpoints.endpoint>>("PATCH", path(root, id), { json }),
    remove: (id: string) => call<undefined>("DELETE", path(root, id)),
    /** A new secret; the one before it goes on signing for a day. */
    rotate: (id: string) => call<Out<typeof endpoints.rotated>>("POST", `${path(root, id)}/rotate`),
    test: (id: string) => call<Out<typeof endpoints.tested>>("POST", `${path(root, id)}/test`),
    replay: (id: string, json: In<typeof endpoints.replayWish>) =>
      call<Out<typeof endpoints.replayed>>("POST", `${path(root, id)}/replay`, { json }),
    deliveries: (id: string, query: Page<typeof endpoints.deliveryQuery> = {}) =>
      call<Out<typeof endpoints.deliveryPage>>("GET", `${path(root, id)}/deliveries`, { query }),
  };
}

/** Keys and numbers are other people's words. */
function path(root: string, name: string): string {
  return `${root}/${encodeURIComponent(name)}`;
}
