-- The ledger: what we promised, what we tried, and how it ended.
--
-- Built for 100 million messages. A message row is inserted once and updated in place (HOT) for each change
-- of state: no index holds a column that a state change touches, and pages keep room for the new versions.
-- What changes often and must be found lives in small tables: chunk (one row for up to a thousand messages)
-- and attempt (only attempts that did not simply succeed).

create type message_state as enum (
  'scheduled', 'queued', 'sending', 'accepted', 'delivered', 'undelivered',
  'rejected', 'failed', 'unknown', 'suppressed', 'expired', 'cancelled'
);
create type message_class as enum ('transactional', 'reminder', 'marketing');
create type campaign_state as enum (
  'draft', 'scheduled', 'running', 'paused', 'completed', 'completed_with_failures', 'cancelled'
);
create type chunk_state as enum ('waiting', 'released', 'done');
create type attempt_outcome as enum ('accepted', 'rejected', 'later', 'unknown');
create type settlement as enum ('accepted', 'rejected', 'absent', 'resent', 'kept');

create table campaign (
  id uuid primary key,
  name text not null,
  class message_class not null,
  sender text,
  template text not null,
  state campaign_state not null default 'draft',
  -- The accounts that its chunks were cut for.
  accounts text[] not null default '{}',
  total bigint not null default 0,
  duplicates bigint not null default 0,
  suppressed bigint not null default 0,
  invalid bigint not null default 0,
  created_at timestamptz not null default now(),
  started_at timestamptz,
  finished_at timestamptz
);
create index campaign_running on campaign (id) where state = 'running';

-- Messages of a campaign by state. Each process counts in slots of its own, so that no two of them wait for
-- one row; a reader adds the slots up.
create table campaign_count (
  campaign_id uuid not null references campaign (id),
  slot smallint not null,
  state message_state not null,
  messages bigint not null,
  primary key (campaign_id, slot, state)
) with (fillfactor = 50);

-- The unit of work: messages of one campaign (or single messages) for one account.
-- A lease makes one worker its owner; the database's clock ends it.
create table chunk (
  id bigint generated always as identity primary key,
  campaign_id uuid references campaign (id),
  account text not null,
  class message_class not null,
  sender text,
  state chunk_state not null default 'waiting',
  messages integer not null,
  lease uuid,
  lease_until timestamptz,
  due_at timestamptz not null default now(),
  created_at timestamptz not null default now()
) with (fillfactor = 50);
create index chunk_waiting on chunk (campaign_id, account, id) where state = 'waiting';
create index chunk_released on chunk (due_at) where state = 'released';
create index chunk_campaign on chunk (campaign_id, id);

create table message (
  -- Starts with the campaign's time in milliseconds; in a campaign the rest is a hash of the recipient.
  id uuid primary key,
  chunk_id bigint not null,
  -- The row of the file the recipient came from, as an editor counts lines; 0 for a single message.
  position integer not null,
  recipient text not null,
  -- A single message's own text, or the values for the campaign's template in the order of its fields.
  text text,
  field_values jsonb,
  segments smallint not null,
  state message_state not null default 'queued',
  -- Tries used; an attempt that 401, 403 or 429 ended is counted as a deferral instead.
  attempts smallint not null default 0,
  deferrals smallint not null default 0,
  -- The last attempt: its call is our reference at the provider.
  call_id uuid,
  account text,
  opened_at timestamptz,
  provider_message_id text,
  reason text,
  -- Not before; set by a retry.
  due_at timestamptz,
  expires_at timestamptz,
  changed_at timestamptz not null default now()
) with (fillfactor = 70);
create index message_chunk on message (chunk_id);
create index message_recipient on message (recipient, id);

-- Attempts that ended in anything but acceptance at the first try, and evidence that came late.
create table attempt (
  id bigint generated always as identity primary key,
  message_id uuid not null,
  campaign_id uuid,
  chunk_id bigint not null,
  number smallint not null,
  account text not null,
  call_id uuid not null,
  opened_at timestamptz not null,
  closed_at timestamptz not null default now(),
  outcome attempt_outcome not null,
  reason text,
  provider_message_id text,
  -- The attempt had been given up before this outcome came; it moved nothing unless it settled an unknown.
  late boolean not null default false,
  -- For an unknown: when the reconciler acts next (null: only evidence or a person can settle it).
  settle_at timestamptz,
  look_ups smallint not null default 0,
  settled_at timestamptz,
  settled_as settlement
);
create index attempt_message on attempt (message_id);
create index attempt_chunk on attempt (chunk_id);
create index attempt_to_settle on attempt (settle_at) where settled_at is null and settle_at is not null;
create index attempt_campaign_to_settle on attempt (campaign_id) where settled_at is null and settle_at is not null;

create table suppression (
  recipient text primary key,
  reason text not null,
  created_at timestamptz not null default now()
);
