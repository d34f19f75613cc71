-- Messages cut by time, so that old ones go as whole tables: partitions.ts makes the months to come, retention.ts
-- drops those that are past.

alter table message rename to message_first;
alter index message_pkey rename to message_first_pkey;
alter index message_chunk rename to message_first_chunk;
alter index message_recipient rename to message_first_recipient;

create table message (like message_first including defaults) partition by range (id);
alter table message add primary key (id);
create index message_chunk on message (chunk_id);
create index message_recipient on message (recipient, id);

-- Ids of no month that has a partition: of months that were dropped (a draft of last year gets recipients), and of clocks
-- that go wrong. So no insert fails for want of a partition.
create table message_rest partition of message default with (fillfactor = 70);

-- The table as it was is the partition of all that came before the next month.
do $$
declare
  next_month constant timestamptz := (date_trunc('month', now() at time zone 'UTC') + interval '1 month') at time zone 'UTC';
  bound constant uuid := (lpad(to_hex((extract(epoch from next_month) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid;
begin
  with later as (delete from message_first where id >= bound returning *)
  insert into message_rest select * from later;
  execute format('alter table message attach partition message_first for values from (minvalue) to (%L)', bound);
end $$;

-- Plans want figures of the whole; autovacuum gathers only those of its partitions.
analyze message;

-- Content of a finished chunk's messages is emptied when its time is over. A chunk that was opened again after that
-- is emptied again.
alter table chunk add column emptied_at timestamptz;
create index chunk_to_empty on chunk (done_at)
  where state = 'done' and (emptied_at is null or emptied_at < done_at);
create index inbound_with_text on inbound (id) where text is not null;
