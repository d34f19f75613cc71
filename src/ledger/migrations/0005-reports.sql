-- What providers bring to our doors: kept as it came, read afterwards, joined to messages when they can be.

alter type settlement add value 'reported';
alter type settlement add value 'failed';

-- Bodies of requests that a provider's proof was good for, committed before the provider hears 2xx.
create table inbox (
  id bigint generated always as identity primary key,
  account text not null,
  body bytea not null,
  received_at timestamptz not null default now(),
  -- Somebody is reading it until then; the database's clock ends a dead reader's claim.
  taken_until timestamptz,
  read_at timestamptz,
  -- Items that could not be read.
  unreadable integer not null default 0
) with (fillfactor = 70);
create index inbox_unread on inbox (id) where read_at is null;
create index inbox_read on inbox (read_at) where read_at is not null;

-- Unknowns that a person may want to see: those that wait for an answer, and those that none is left for.
create index attempt_unknown on attempt (id) where outcome = 'unknown' and not late;

create type reported_state as enum ('pending', 'delivered', 'undelivered', 'no-word');

create table report (
  id bigint generated always as identity primary key,
  -- Null: we asked the provider.
  inbox_id bigint,
  account text not null,
  -- What it names; each provider names a message in its own way.
  message_id uuid,
  call_id uuid,
  chunk_id bigint,
  provider_message_id text,
  recipient text,
  state reported_state not null,
  reason text not null,
  code text,
  permanent boolean not null,
  opted_out boolean not null,
  happened_at timestamptz,
  received_at timestamptz not null default now(),
  -- The message that it turned out to be about, and whether it moved it.
  joined_id uuid,
  moved boolean not null default false,
  -- When joining is tried (again). Null with joined_id null: nobody knows what it names; kept and shown.
  join_at timestamptz
) with (fillfactor = 70);
create index report_to_join on report (join_at) where join_at is not null;
create index report_joined on report (joined_id) where joined_id is not null;
create index report_stranger on report (id) where joined_id is null and join_at is null;

-- Accepted messages whose report did not come in the account's time; they leave when it comes.
create table overdue (
  message_id uuid primary key,
  campaign_id uuid,
  account text not null,
  since timestamptz not null default now(),
  look_ups smallint not null default 0,
  -- Null: asked often enough, or the provider cannot be asked.
  ask_at timestamptz
);
create index overdue_to_ask on overdue (account, ask_at) where ask_at is not null;
create index overdue_campaign on overdue (campaign_id) where campaign_id is not null;

alter table chunk add column done_at timestamptz, add column overdue_checked_at timestamptz;
update chunk set done_at = now(), overdue_checked_at = now() where state = 'done';
create index chunk_to_check on chunk (done_at) where state = 'done' and overdue_checked_at is null;
