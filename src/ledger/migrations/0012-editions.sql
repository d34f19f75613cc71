-- Drafts may be edited until they have recipients, and what is under way is watched.

alter table campaign
  -- Counts the edits: an upload that began before one of them would add people to a draft that it has not read.
  add column edition integer not null default 0;

-- Campaigns that are not finished, or have just been: among the finished ones of years they are few.
create index campaign_finished on campaign (finished_at);
