-- A chunk keeps the accounts of its route, in order of preference, so that messages that its account provably
-- did not send can go on with the next one.

alter table chunk add column accounts text[] not null default '{}';
update chunk set accounts = array[account];
