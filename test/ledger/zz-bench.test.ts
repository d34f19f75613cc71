import { it } from "vitest";
import { createCallId } from "../../src/domain/ids.ts";
import { addCampaign, claim, openLedgerBench } from "../support/ledger.ts";
it("bench", async () => {
  const bench = await openLedgerBench();
  for (const many of [0, 100_000]) {
    await bench.pool.query(`insert into volley.suppression (hash, recipient, reason, source)
      select volley.recipient_hash('+4670' || n, (select key from volley.pepper)), '+4670' || n, 'x', 'import' from generate_series(1, $1::int) n`, [many]);
    await bench.pool.query("analyze");
    const times: number[] = [];
    for (let i = 0; i < 12; i++) {
      const c = await addCampaign(bench, { recipients: 1000 });
      const chunk = await claim(bench, c.chunkId);
      if (!chunk) throw new Error();
      const ms = await bench.ledger.chunks.load(chunk.id);
      const t = performance.now();
      const callId = createCallId(chunk.id);
      await bench.ledger.attempts.open(ms.map(({ id }) => ({ messageId: id, chunkId: chunk.id, lease: chunk.lease, callId, account: "main" })));
      times.push(Math.round((performance.now() - t)*10)/10);
    }
    console.log(many, "open 1000 ms:", times.join(" "));
    // Explain
    const c = await addCampaign(bench, { recipients: 1000 });
    const chunk = await claim(bench, c.chunkId);
    if (!chunk) throw new Error();
    const ms = await bench.ledger.chunks.load(chunk.id);
    for (const cond of ["", "and not (not o.class = any($8::volley.message_class[]) and exists (select from volley.suppression s where s.hash = volley.recipient_hash(m.recipient, (select key from volley.pepper))))"]) {
      const client = await bench.pool.connect();
      await client.query("begin");
      const { rows } = await client.query<{ "QUERY PLAN": string }>(`explain (analyze, costs off) with asked as (
        select * from unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::uuid[], $5::text[])
          as a (message_id, chunk_id, lease, call_id, account)
      ), leased as (
        select c.id, c.campaign_id, c.class from volley.chunk c
        where (c.id, c.lease) in (select distinct chunk_id, lease from asked) and c.lease_until > now()
      ), running as materialized (
        select id from volley.campaign where id in (select campaign_id from leased) and state = 'running' order by id for share
      ), owned as (
        select id, campaign_id, class from leased where campaign_id is null or campaign_id in (select id from running)
      ), moved as (
        update volley.message m
        set state = 'sending', attempts = m.attempts + 1, call_id = a.call_id, account = a.account,
          opened_at = now(), changed_at = now(), reason = null, due_at = null
        from asked a join owned o on o.id = a.chunk_id
        where m.id = a.message_id and m.chunk_id = a.chunk_id and m.state = 'queued' and m.attempts < $7 and $6::int > 0
          ${cond} ${cond === "" ? "and $8::volley.message_class[] is not null" : ""}
        returning m.id) select count(*) from moved`,
        [ms.map((m) => m.id), ms.map(() => chunk.id), ms.map(() => chunk.lease), ms.map(() => createCallId(chunk.id)), ms.map(() => "main"), 1, 4, []]);
      console.log(rows.map((r) => r["QUERY PLAN"]).join("\n"));
      await client.query("rollback");
      client.release();
    }
  }
  await bench.close();
});
