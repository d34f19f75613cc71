// [6] Rounds: in what order the queue serves the chunks of an account.
//
// A campaign has a chunk in every so many rounds, by its class. One that starts joins the round that is on: so it waits
// behind no other's window, takes no precedence over those who were there before, and its first chunk is served within
// seconds. What belongs to no campaign joins the round that is on, too. Start-time fair queueing, by its book name.

/** SQL: the round that is on at an account: that of the first campaign chunk that is to be served now. */
export function roundOn(account: string): string {
  return `coalesce((
    select r.round from volley.chunk r
    where r.account = ${account} and r.state = 'released' and r.campaign_id is not null and r.due_at <= now()
    order by r.round limit 1), 0)`;
}
