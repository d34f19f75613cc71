-- Messages and campaigns that wait for their time, and where their people live.

alter table message
  -- The customer's own words for it; they come back in answers, and mean nothing to us.
  add column reference text,
  add column metadata jsonb;

alter table chunk
  -- All its people are in these zones. Several: their country has several, and all of them count.
  add column zones text[] not null default '{}',
  -- Messages that wait for their time, as the chunk was made.
  add column scheduled integer not null default 0;

-- A campaign's chunks leave in the order of their times.
drop index chunk_waiting;
create index chunk_waiting on chunk (campaign_id, account, due_at, id) where state = 'waiting';
create index chunk_due on chunk (due_at, id) where state = 'waiting' and campaign_id is null;

alter table campaign
  -- Asked for by name; null: the routes choose.
  add column account text,
  -- When it is to start, as it was written: "recipient" is a zone, too, and each message has its own time then.
  add column send_at text,
  add column time_zone text,
  add column start_at timestamptz,
  -- Why it is paused, when nobody paused it.
  add column reason text,
  -- Messages that left per second, over the last sweeps: what was there at the last one, and when.
  add column rate real,
  add column rate_messages bigint,
  add column rate_at timestamptz;
create index campaign_scheduled on campaign (start_at) where state = 'scheduled';
-- Cancelled, and messages are still to be taken back.
create index campaign_cancelling on campaign (id) where state = 'cancelled' and finished_at is null;
