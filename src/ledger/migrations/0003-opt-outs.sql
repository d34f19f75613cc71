-- An opt-out outlives the erasure of the number that it belongs to: its key is a keyed hash, and the number
-- itself, for people who read the list, may go. And a table for what people write to us.

-- One row: the key of the hash. Numbers are few enough to be tried one by one, so a hash without a key would hide
-- nothing. Six random UUIDs hold 122 random bits each; their hash is the key.
create table pepper (
  only_row boolean primary key default true check (only_row),
  key bytea not null check (length(key) = 32)
);
insert into pepper (key) select sha256(convert_to(string_agg(gen_random_uuid()::text, ''), 'UTF8'))
from generate_series(1, 6);

-- With the key as a parameter the planner puts the expression in place of the call, and a statement reads the key
-- once; the form with one parameter reads it at each call and is for people and for single numbers.
create function recipient_hash(number text, key bytea) returns bytea language sql stable parallel safe
  return sha256(key || convert_to(number, 'UTF8'));
create function recipient_hash(number text) returns bytea language sql stable parallel safe
  return recipient_hash(number, (select key from pepper));

alter table suppression
  add column hash bytea,
  add column source text not null default 'person' check (source in ('person', 'inbound', 'provider', 'import'));
update suppression set hash = recipient_hash(recipient);
alter table suppression drop constraint suppression_pkey;
alter table suppression
  alter column recipient drop not null,
  alter column source drop default,
  add primary key (hash);
create index suppression_newest on suppression (created_at, hash);

create table inbound (
  id bigint generated always as identity primary key,
  account text not null,
  sender text not null,
  -- The number or short code that was written to.
  recipient text,
  -- opt-out: the provider took it itself, there may be no text.
  kind text not null check (kind in ('text', 'opt-out')),
  text text,
  -- How the text was read when it came: domain/opt-out.ts.
  keyword text not null check (keyword in ('stop', 'start', 'maybe-stop', 'none')),
  provider_message_id text,
  -- By the provider's clock.
  happened_at timestamptz,
  received_at timestamptz not null default now(),
  -- A person has to say what was meant.
  review boolean not null default false,
  reviewed_at timestamptz
);
-- Providers deliver twice; one that gives no id is taken at its word each time.
create unique index inbound_once on inbound (account, provider_message_id) where provider_message_id is not null;
create index inbound_sender on inbound (sender);
create index inbound_to_review on inbound (id) where review and reviewed_at is null;
