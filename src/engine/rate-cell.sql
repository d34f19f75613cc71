-- The rate cells: which slots in time are taken, an account a row (see rate-cell.lua for the same algorithm).
--
-- All times are microseconds. Inside a cell they count from seen_us, the server's clock at the last write,
-- so that they stay small and exact, and so that a clock that steps back only makes the cell wait a moment.
-- The table is unlogged: a crash of the server empties it, which a fresh cell's silence makes up for, and
-- in return a take writes no log and waits for no disk. fillfactor leaves room to update rows in place.

create unlogged table if not exists volley_engine.rate_cell (
  account text primary key,
  seen_us bigint not null,
  requests_us double precision not null,
  segments_us double precision not null,
  paused_us double precision not null default 0,
  reason text not null default '',
  log_us integer[] not null default '{}',
  log_segments real[] not null default '{}'
) with (fillfactor = 25);

-- The row, locked and moved to the clock's now. The clock is read under the lock, so that it never runs
-- backwards within a cell. A cell that is not there may have been lost a moment ago, with calls of its last
-- second still leaving: it starts with as much silence as keeps the limit in that case too.
create or replace function volley_engine.lock_rate_cell(
  p_account text, p_clock_us bigint, p_silence_us double precision,
  out cell volley_engine.rate_cell, out lost boolean
) language plpgsql as $$
declare
  v_clock bigint;
  v_elapsed double precision;
begin
  select * into cell from volley_engine.rate_cell where account = p_account for update;
  lost := not found;
  if lost then
    insert into volley_engine.rate_cell (account, seen_us, requests_us, segments_us)
    values (p_account, 0, 0, 0) on conflict do nothing;
    -- Somebody else's insert may have come first; then the cell is his and not a lost one.
    lost := found;
    select * into strict cell from volley_engine.rate_cell where account = p_account for update;
  end if;
  v_clock := coalesce(p_clock_us, (extract(epoch from clock_timestamp()) * 1000000)::bigint);
  if lost then
    cell.requests_us := p_silence_us;
    cell.segments_us := p_silence_us;
  else
    v_elapsed := greatest(0, v_clock - cell.seen_us);
    cell.requests_us := cell.requests_us - v_elapsed;
    cell.segments_us := cell.segments_us - v_elapsed;
    cell.paused_us := greatest(0, cell.paused_us - v_elapsed);
    -- Entries that have long left the window would not fit an integer.
    select coalesce(array_agg((entry_us - v_elapsed)::integer order by place), '{}'),
           coalesce(array_agg(entry_segments order by place), '{}')
      into cell.log_us, cell.log_segments
      from unnest(cell.log_us, cell.log_segments) with ordinality as entry (entry_us, entry_segments, place)
     where entry_us - v_elapsed > -2000000;
  end if;
  cell.seen_us := v_clock;
end
$$;

create or replace function volley_engine.save_rate_cell(p_cell volley_engine.rate_cell)
returns void language sql as $$
  update volley_engine.rate_cell
     set seen_us = p_cell.seen_us, requests_us = p_cell.requests_us, segments_us = p_cell.segments_us,
         paused_us = p_cell.paused_us, reason = p_cell.reason,
         log_us = p_cell.log_us, log_segments = p_cell.log_segments
   where account = p_cell.account
$$;

-- p_clock_us: the clock, in tests; null: the server's own. p_segments: those of each waiting call.
-- The wait and the slots count from clock_us.
create or replace function volley_engine.take_slots(
  p_account text, p_clock_us bigint, p_requests_per_second double precision,
  p_segments_per_second double precision, p_lead_us double precision, p_horizon_us double precision,
  p_segments double precision[],
  out clock_us bigint, out wait_us double precision, out paused_us double precision,
  out slots_us double precision[]
) language plpgsql as $$
declare
  -- The second that a provider counts, and 2 % for a call that arrives a few milliseconds after its slot.
  c_window constant double precision := 1020000;
  -- Log entries closer than this are one entry, at the time of its newest, which errs on the safe side and
  -- keeps the log short at any rate.
  c_bucket constant double precision := 5000;
  -- The furthest that slots of a lost cell are expected to have been leased ahead.
  c_lease constant double precision := 100000;
  v_locked record;
  v_cell volley_engine.rate_cell;
  v_log_us double precision[];
  v_log_segments double precision[];
  v_last integer;
  -- The log from v_first on is what lies in the window that ends at the slot in question; v_sum is its cost.
  v_first integer := 1;
  v_kept integer := 1;
  v_sum double precision := 0;
  v_cost double precision;
  v_call double precision;
  v_slot double precision;
begin
  select * into v_locked
    from volley_engine.lock_rate_cell(
      p_account, p_clock_us,
      greatest(p_horizon_us, c_lease)
        + case when p_segments_per_second is null then least(c_window, c_window / p_requests_per_second) else c_window end
    );
  v_cell := v_locked.cell;
  v_log_us := v_cell.log_us;
  v_log_segments := v_cell.log_segments;
  v_last := cardinality(v_log_us);
  select coalesce(sum(cost), 0) into v_sum from unnest(v_log_segments) as cost;
  clock_us := v_cell.seen_us;
  wait_us := 0;
  paused_us := v_cell.paused_us;
  slots_us := '{}';
  foreach v_call in array p_segments loop
    v_slot := greatest(p_lead_us, v_cell.paused_us, v_cell.requests_us);
    if p_segments_per_second is not null then
      v_slot := greatest(v_slot, v_cell.segments_us);
      -- A call above the limit never fits: it gets a window for itself.
      v_cost := least(v_call, p_segments_per_second);
      while v_first <= v_last
        and (v_log_us[v_first] <= v_slot - c_window or v_sum + v_cost > p_segments_per_second) loop
        v_slot := greatest(v_slot, v_log_us[v_first] + c_window);
        v_sum := v_sum - v_log_segments[v_first];
        v_first := v_first + 1;
      end loop;
    end if;
    if v_slot > p_horizon_us then
      -- Half-way, so that the next ask gets a block of slots and not one at a time.
      wait_us := greatest(1000, v_slot - (p_lead_us + p_horizon_us) / 2);
      exit;
    end if;
    v_cell.requests_us := v_slot + c_window / p_requests_per_second;
    if p_segments_per_second is not null then
      v_cell.segments_us := v_slot + v_call * c_window / p_segments_per_second;
      if v_last >= v_first
        and floor((clock_us + v_log_us[v_last]) / c_bucket) = floor((clock_us + v_slot) / c_bucket) then
        v_log_us[v_last] := v_slot;
        v_log_segments[v_last] := v_log_segments[v_last] + v_cost;
      else
        v_last := v_last + 1;
        v_log_us[v_last] := v_slot;
        v_log_segments[v_last] := v_cost;
      end if;
      v_sum := v_sum + v_cost;
      v_kept := v_first;
    end if;
    slots_us := slots_us || v_slot;
  end loop;

  if v_locked.lost or cardinality(slots_us) > 0 then
    if p_segments_per_second is null then
      v_cell.log_us := '{}';
      v_cell.log_segments := '{}';
    else
      -- Up, because a later time keeps the entry in the window longer.
      v_cell.log_us := array(select ceil(entry)::integer from unnest(v_log_us[v_kept:]) as entry);
      v_cell.log_segments := v_log_segments[v_kept:];
    end if;
    perform volley_engine.save_rate_cell(v_cell);
  end if;
end
$$;

create or replace function volley_engine.pause_rate(
  p_account text, p_clock_us bigint, p_pause_us double precision, p_reason text
) returns void language plpgsql as $$
declare
  v_cell volley_engine.rate_cell;
begin
  -- The silence of a call of any cost: a lease ahead and a window.
  select (locked.cell).* into v_cell from volley_engine.lock_rate_cell(p_account, p_clock_us, 1115000) as locked;
  if p_pause_us > v_cell.paused_us then
    v_cell.paused_us := p_pause_us;
    v_cell.reason := p_reason;
  end if;
  perform volley_engine.save_rate_cell(v_cell);
end
$$;

create or replace function volley_engine.read_pause(
  p_account text, p_clock_us bigint, out paused_us double precision, out reason text
) language sql as $$
  select greatest(0, cell.paused_us - greatest(0, clock.us - cell.seen_us)), cell.reason
    from volley_engine.rate_cell as cell,
         (select coalesce(p_clock_us, (extract(epoch from clock_timestamp()) * 1000000)::bigint) as us) as clock
   where account = p_account
$$;
