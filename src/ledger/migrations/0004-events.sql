-- Events: what happened and a customer wants to hear of, and the endpoints that hear of it.
--
-- An event's row is written in the transaction of the change that it tells of, and holds no number and no text:
-- what it says of a message or a person is read from their rows when it is delivered.

create table endpoint (
  id uuid primary key,
  url text not null,
  -- The types of events that it wants.
  events text[] not null,
  -- Sealed, newest first; the second one signs, too, for a while after the rotation.
  secrets text[] not null check (cardinality(secrets) between 1 and 2),
  rotated_at timestamptz,
  enabled boolean not null default true,
  disabled_reason text,
  disabled_at timestamptz,
  -- The first failure after the last success.
  failing_since timestamptz,
  created_at timestamptz not null default now()
);

create table event (
  -- In the order of the changes, as far as one message, campaign or account goes.
  seq bigint generated always as identity primary key,
  -- The webhook-id: the same in all deliveries and replays.
  id uuid not null unique default gen_random_uuid(),
  type text not null,
  -- What it is about; delivery reads it there.
  message_id uuid,
  campaign_id uuid,
  inbound_id bigint,
  -- The hash of an opt-out.
  opt_out bytea,
  -- For the order of its kind where it is about none of these.
  subject uuid,
  reason text,
  -- What it says of anything else.
  data jsonb,
  created_at timestamptz not null default now()
);
-- Rows lie in the order of their time, so that one entry for many pages is enough.
create index event_age on event using brin (created_at);

-- The last that was said of each account that has ever been in trouble, so that a fleet says it once.
create table account_health (
  account text primary key,
  is_degraded boolean not null,
  reason text,
  changed_at timestamptz not null default now()
);

create type delivery_state as enum ('waiting', 'delivered', 'failed');

create table delivery (
  endpoint_id uuid not null,
  event_seq bigint not null,
  -- One subject's events reach an endpoint in their order: the later ones wait for the earlier.
  subject uuid,
  state delivery_state not null default 'waiting',
  tries smallint not null default 0,
  -- Not before; for one that is being tried, when its lease ends.
  due_at timestamptz not null default now(),
  lease uuid,
  tried_at timestamptz,
  last_status smallint,
  last_reason text,
  primary key (endpoint_id, event_seq)
) with (fillfactor = 70);
create index delivery_due on delivery (endpoint_id, due_at, event_seq) where state = 'waiting';
create index delivery_of_subject on delivery (endpoint_id, subject, event_seq)
  where state = 'waiting' and subject is not null;
