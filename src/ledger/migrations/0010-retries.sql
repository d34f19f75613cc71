-- Failed messages that a person has sent again: each at most once, as a new message that names the first of its line.

alter table message
  -- The first message of the line; a retry of a retry names the same one.
  add column retry_of uuid;

alter table campaign
  -- The first campaign of the line.
  add column retry_of uuid,
  -- Somebody fills this draft with retries; when that is past, he died, and whoever retries next discards it.
  add column filling_until timestamptz;
create index campaign_retrying on campaign (retry_of) where state = 'draft' and retry_of is not null;

-- However many ask at once, the primary key lets one of them have a message. It is a table of its own, because a
-- table that is cut by time cannot hold a unique column across its parts.
create table retry (
  -- The one that failed, which may be a retry itself.
  message_id uuid primary key,
  retry_id uuid not null
);
create index retry_retry on retry (retry_id);
