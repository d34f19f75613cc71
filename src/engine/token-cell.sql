-- The token cells: the sealed token of each account with its generation, and the leave to refresh it.
--
-- Times are the server's clock; a lease whose end has passed is nobody's.

create table if not exists volley_engine.token_cell (
  account text primary key,
  generation integer not null default 0,
  sealed text,
  written_at timestamptz,
  life_ms double precision,
  lease_holder text,
  lease_until timestamptz
);

create or replace function volley_engine.lease_token(
  p_account text, p_holder text, p_generation integer, p_hold_ms double precision
) returns text language plpgsql as $$
declare
  v_cell volley_engine.token_cell;
begin
  insert into volley_engine.token_cell (account) values (p_account) on conflict do nothing;
  select * into strict v_cell from volley_engine.token_cell where account = p_account for update;
  if v_cell.generation <> p_generation then
    return 'moved';
  end if;
  -- The holder who asks again did not hear the first answer.
  if v_cell.lease_until > clock_timestamp() and v_cell.lease_holder <> p_holder then
    return 'taken';
  end if;
  update volley_engine.token_cell
     set lease_holder = p_holder, lease_until = clock_timestamp() + p_hold_ms * interval '1 millisecond'
   where account = p_account;
  return 'granted';
end
$$;
