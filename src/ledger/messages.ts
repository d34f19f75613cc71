// [6] Messages as people read them: one with its attempts, or a page of them.

import type { Pool } from "pg";
import type { CampaignId, MessageClass, MessageId, MessageState } from "../domain/message.ts";
import type { Outcome } from "../domain/outcome.ts";
import type { PhoneNumber } from "../domain/phone-number.ts";
import { type Cancelled, cancelMessage } from "./cancel-message.ts";

export type Message = {
  readonly id: MessageId;
  readonly campaignId: CampaignId | null;
  readonly to: PhoneNumber;
  readonly state: MessageState;
  readonly class: MessageClass;
  readonly account: string;
  readonly segments: number;
  readonly position: number;
  readonly attempts: number;
  readonly deferrals: number;
  readonly providerMessageId: string | null;
  readonly reason: string | null;
  /** The last attempt: its name and when it was opened; null: there was none. */
  readonly callId: string | null;
  readonly openedAt: Date | null;
  /** Not before. */
  readonly dueAt: Date | null;
  readonly expiresAt: Date | null;
  /** The customer's own words for it. */
  readonly reference: string | null;
  readonly metadata: Readonly<Record<string, string>> | null;
  readonly changedAt: Date;
  /** The first of its line, when a person had it sent again. */
  readonly retryOf: MessageId | null;
};

export type PastAttempt = {
  readonly number: number;
  readonly account: string;
  readonly callId: string;
  readonly openedAt: Date;
  readonly closedAt: Date;
  readonly outcome: Outcome["kind"];
  readonly reason: string | null;
  readonly late: boolean;
  readonly settledAs: string | null;
};

export type MessageFilter = {
  readonly campaign?: CampaignId | undefined;
  readonly state?: MessageState | undefined;
  readonly to?: PhoneNumber | undefined;
  readonly since?: Date | undefined;
};

/** What a campaign did, for its summary; read from the rows, not from the counts. */
export type CampaignFacts = {
  readonly reasons: readonly {
    readonly state: MessageState;
    readonly reason: string;
    readonly messages: number;
  }[];
  readonly accounts: readonly { readonly account: string; readonly accepted: number }[];
  readonly retries: number;
  /** Attempts that the account's state ended (429, 401, 403); they used up no try. */
  readonly deferrals: number;
  /**
   * Unknowns of which the provider was asked, or whose answer came after all: taken, refused or not there. A person's
   * word that it was taken counts here, too, for the row does not say whose word it was; as below, that it be resent.
   */
  readonly settledByLookUp: number;
  /** Unknowns of which the provider told by a report before anybody had to ask. */
  readonly settledByReport: number;
  readonly resentByPolicy: number;
};

export const PAGE_ROWS_MAX = 500;

const COLUMNS = `m.id, c.campaign_id, m.recipient, m.state, c.class, coalesce(m.account, c.account) as account,
  m.segments, m.position, m.attempts, m.deferrals, m.provider_message_id, m.reason, m.call_id,
  m.opened_at, m.due_at, m.expires_at, m.reference, m.metadata, m.changed_at,
  m.retry_of`;

export function createMessages(pool: Pool, { slot }: { readonly slot: number }) {
  return {
    cancel: (id: MessageId): Promise<Cancelled> => cancelMessage(pool, id, { slot }),

    async find(id: MessageId): Promise<Message | null> {
      const { rows } = await pool.query<MessageRow>(
        `select ${COLUMNS} from volley.message m join volley.chunk c on c.id = m.chunk_id where m.id = $1`,
        [id],
      );
      return rows[0] === undefined ? null : toMessage(rows[0]);
    },

    async attempts(id: MessageId): Promise<PastAttempt[]> {
      const { rows } = await pool.query<AttemptRow>(
        `select number, account, call_id, opened_at, closed_at, outcome, reason, late, settled_as
         from volley.attempt where message_id = $1 order by id`,
        [id],
      );
      return rows.map((row) => ({
        number: row.number,
        account: row.account,
        callId: row.call_id,
        openedAt: row.opened_at,
        closedAt: row.closed_at,
        outcome: row.outcome,
        reason: row.reason,
        late: row.late,
        settledAs: row.settled_as,
      }));
    },

    /**
     * One page, newest ids first; `before` is the last id of the page before. In a campaign the ids share
     * their time, so a page of it is in no particular order, but no row is missed or shown twice.
     */
    async list(
      filter: MessageFilter,
      page: { before?: MessageId | undefined; limit: number },
    ): Promise<Message[]> {
      const wanted: string[] = [];
      const values: unknown[] = [];
      const where = (condition: (parameter: string) => string, value: unknown) => {
        if (value === undefined) return;
        values.push(value);
        wanted.push(condition(`$${values.length}`));
      };
      where((id) => `c.campaign_id = ${id}`, filter.campaign);
      // The ids of a campaign's messages begin with its own time, so they lie side by side in the primary key.
      where(
        (from) => `m.id >= ${from}`,
        filter.campaign === undefined ? undefined : idWithin(filter.campaign, "0"),
      );
      where(
        (to) => `m.id <= ${to}`,
        filter.campaign === undefined ? undefined : idWithin(filter.campaign, "f"),
      );
      where((state) => `m.state = ${state}`, filter.state);
      where((to) => `m.recipient = ${to}`, filter.to);
      where((since) => `m.changed_at >= ${since}`, filter.since);
      where((before) => `m.id < ${before}`, page.before);
      values.push(Math.min(page.limit, PAGE_ROWS_MAX));
      const { rows } = await pool.query<MessageRow>(
        `select ${COLUMNS} from volley.message m join volley.chunk c on c.id = m.chunk_id
         ${wanted.length > 0 ? `where ${wanted.join(" and ")}` : ""}
         order by m.id desc limit $${values.length}`,
        values,
      );
      return rows.map(toMessage);
    },

    /** A page in the order of the ids, for files; `next` is null at the end, and a page may be short before it. */
    async exportPage(
      campaign: CampaignId,
      page: {
        readonly state?: MessageState | undefined;
        readonly after: MessageId | null;
        readonly limit: number;
      },
    ): Promise<{ readonly messages: readonly Message[]; readonly next: MessageId | null }> {
      const { rows } = await pool.query<MessageRow>(EXPORT_PAGE, [
        page.after ?? idWithin(campaign, "0"),
        idWithin(campaign, "f"),
        page.state ?? null,
        page.limit,
      ]);
      return {
        messages: rows.filter((row) => row.campaign_id === campaign).map(toMessage),
        next: rows.length < page.limit ? null : (rows.at(-1)?.id ?? null),
      };
    },

    /** For counts that are compared with a provider's own. */
    async statesByAccount(
      id: CampaignId,
    ): Promise<{ account: string; state: MessageState; messages: number }[]> {
      const { rows } = await pool.query<{ account: string; state: MessageState; messages: string }>(
        `select coalesce(m.account, c.account) as account, m.state, count(*) as messages
         from volley.message m join volley.chunk c on c.id = m.chunk_id
         where c.campaign_id = $1 group by 1, 2 order by 1, 2`,
        [id],
      );
      return rows.map((row) => ({ ...row, messages: Number(row.messages) }));
    },

    async campaignFacts(id: CampaignId): Promise<CampaignFacts> {
      const { rows: reasons } = await pool.query<{ state: MessageState; reason: string; messages: string }>(
        `select m.state, coalesce(m.reason, '') as reason, count(*) as messages
         from volley.message m join volley.chunk c on c.id = m.chunk_id
         where c.campaign_id = $1 and m.state not in ('accepted', 'delivered')
         group by 1, 2 order by 3 desc limit 50`,
        [id],
      );
      const { rows: accounts } = await pool.query<{ account: string; accepted: string }>(
        `select coalesce(m.account, c.account) as account, count(*) as accepted
         from volley.message m join volley.chunk c on c.id = m.chunk_id
         where c.campaign_id = $1 and m.state in ('accepted', 'delivered', 'undelivered')
         group by 1 order by 1`,
        [id],
      );
      const { rows: tries } = await pool.query<{ retries: string; deferrals: string }>(
        `select coalesce(sum(m.attempts - 1) filter (where m.attempts > 1), 0) as retries,
           coalesce(sum(m.deferrals), 0) as deferrals
         from volley.message m join volley.chunk c on c.id = m.chunk_id where c.campaign_id = $1`,
        [id],
      );
      const { rows: settled } = await pool.query<{ settled_as: string; attempts: string }>(
        `select settled_as, count(*) as attempts from volley.attempt
         where chunk_id in (select id from volley.chunk where campaign_id = $1) and settled_as is not null
         group by 1`,
        [id],
      );
      const settledAs = (as: string) => Number(settled.find((row) => row.settled_as === as)?.attempts ?? 0);
      return {
        reasons: reasons.map((row) => ({ ...row, messages: Number(row.messages) })),
        accounts: accounts.map((row) => ({ ...row, accepted: Number(row.accepted) })),
        retries: Number(tries[0]?.retries ?? 0),
        deferrals: Number(tries[0]?.deferrals ?? 0),
        settledByLookUp: settledAs("accepted") + settledAs("rejected") + settledAs("absent"),
        settledByReport: settledAs("reported"),
        resentByPolicy: settledAs("resent"),
      };
    },
  };
}

/**
 * The page is cut from the primary key before anything is joined, for a plan that joins first would read the whole
 * campaign for each page. Another campaign of the same millisecond has ids among these.
 */
const EXPORT_PAGE = `
  select ${COLUMNS} from (
    select * from volley.message
    where id > $1 and id <= $2 and ($3::volley.message_state is null or state = $3) order by id limit $4
  ) as m join volley.chunk c on c.id = m.chunk_id
  order by m.id`;

type MessageRow = {
  id: MessageId;
  campaign_id: CampaignId | null;
  recipient: PhoneNumber;
  state: MessageState;
  class: MessageClass;
  account: string;
  segments: number;
  position: number;
  attempts: number;
  deferrals: number;
  provider_message_id: string | null;
  reason: string | null;
  call_id: string | null;
  opened_at: Date | null;
  due_at: Date | null;
  expires_at: Date | null;
  reference: string | null;
  metadata: Record<string, string> | null;
  changed_at: Date;
  retry_of: MessageId | null;
};

type AttemptRow = {
  number: number;
  account: string;
  call_id: string;
  opened_at: Date;
  closed_at: Date;
  outcome: Outcome["kind"];
  reason: string | null;
  late: boolean;
  settled_as: string | null;
};

function idWithin(campaign: CampaignId, digit: "0" | "f"): string {
  return campaign.slice(0, 14) + campaign.slice(14).replaceAll(/[0-9a-f]/g, digit);
}

function toMessage(row: MessageRow): Message {
  return {
    id: row.id,
    campaignId: row.campaign_id,
    to: row.recipient,
    state: row.state,
    class: row.class,
    account: row.account,
    segments: row.segments,
    position: row.position,
    attempts: row.attempts,
    deferrals: row.deferrals,
    providerMessageId: row.provider_message_id,
    reason: row.reason,
    callId: row.call_id,
    openedAt: row.opened_at,
    dueAt: row.due_at,
    expiresAt: row.expires_at,
    reference: row.reference,
    metadata: row.metadata,
    changedAt: row.changed_at,
    retryOf: row.retry_of,
  };
}
