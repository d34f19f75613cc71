// The outbox: an event's row is written in the statement, or at least the transaction, of the change that it tells
// of, so that neither can stand without the other.
//
// While there is no endpoint this costs a statement 0.2 ms of planning and a look at an empty table, and a row
// nothing; an event that one endpoint hears of costs some 40 microseconds (both on two busy cores). An endpoint that
// is disabled gets no deliveries, but its events are kept, for a replay when it is back.

/**
 * CTEs that write the events of messages that moved. `moved` names a CTE with the columns id, state, reason and
 * campaign_id; states that no event tells of are nobody's wish and write nothing. `optedOut` may name one with
 * the columns hash and reason, of people who opted out by the same statement.
 */
export function writeMessageEvents({
  moved,
  optedOut,
}: {
  readonly moved: string;
  readonly optedOut?: string;
}): string {
  const messages = `select 'message.' || state::text as type, id as message_id, campaign_id, reason,
          null::bytea as opt_out from ${moved}`;
  const people = `select 'recipient.opted_out', null, null, reason, hash from ${optedOut}`;
  return writeEvents({
    columns: "message_id, campaign_id, reason, opt_out",
    happened: optedOut === undefined ? messages : `${messages} union all ${people}`,
  });
}

/** `happened` is a select of the event's type and the named columns of volley.event. */
export function writeEvents({
  columns,
  happened,
}: {
  readonly columns: string;
  readonly happened: string;
}): string {
  return `listener as materialized (
        select id, events, enabled from volley.endpoint
      ),
      written_event as (
        insert into volley.event (type, ${columns})
        select type, ${columns} from (${happened}) as h
        -- The first question is asked once a statement, and answers for all rows while there is no endpoint.
        where exists (select from listener) and exists (select from listener l where h.type = any(l.events))
        returning seq, type, coalesce(message_id, subject, campaign_id) as subject
      ),
      written_delivery as (
        insert into volley.delivery (endpoint_id, event_seq, subject)
        select l.id, e.seq, e.subject from written_event e join listener l on l.enabled and e.type = any(l.events)
      )`;
}
