-- Reminders: messages under a key that the customer chose. Each has one message that waits or was the last, its
-- current occurrence, which lies in the tables of all other messages.

create table reminder (
  -- The order of lists; a key that was given up and comes again is a new one.
  id bigint generated always as identity,
  key text primary key,
  -- SHA-256 of all that was asked for: the same again changes nothing.
  fingerprint bytea not null,
  recipient text not null,
  text text not null,
  class message_class not null,
  sender text,
  -- Asked for by name; null: the routes choose, anew for each occurrence.
  account text,
  -- As they were written.
  at text not null,
  time_zone text,
  -- Cron's five fields; null: it comes once.
  repeat text,
  -- Of the first time; null: the usual four hours after each.
  expires_at text,
  reference text,
  metadata jsonb,
  -- The one in which its times are shown; null: it has none, or several.
  zone text,
  -- The current occurrence; null: there was nobody to send it to.
  message_id uuid,
  -- Why there is none.
  reason text,
  -- The occurrence before, which may still be on its way.
  previous_id uuid,
  -- When the current occurrence comes, and the next one is made.
  due_at timestamptz,
  created_at timestamptz not null default now(),
  changed_at timestamptz not null default now()
);
create unique index reminder_place on reminder (id);
create index reminder_recurring on reminder (due_at, id) where repeat is not null;
create index reminder_once on reminder (due_at) where repeat is null;
create index reminder_recipient on reminder (recipient);
