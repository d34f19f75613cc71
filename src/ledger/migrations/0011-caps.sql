-- What each account has been given leave to send on a day of UTC, for accounts with a cap of the day.

create table account_day (
  account text not null,
  day date not null,
  messages bigint not null,
  -- Millionths of the currency of the configuration.
  cost_micros bigint not null,
  -- The last time that somebody was given leave: what was given lately may come back.
  booked_at timestamptz not null default now(),
  primary key (account, day)
) with (fillfactor = 50);
