-- Chunks of an account have their turn in rounds (rounds.ts), so that campaigns share it whenever they started and
-- however many chunks they have.

alter table chunk add column round integer not null default 0;
create index chunk_round on chunk (account, round) where state = 'released' and campaign_id is not null;
