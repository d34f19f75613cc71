// A provider that brings reports as fast as they are taken: kept-alive connections, prepared bytes, no HTTP client,
// so that the load costs the machine as little as it can. Prints what came of it as one line of JSON.
//
//   node test/bench/report-load.ts URL REQUESTS REPORTS_IN_A_REQUEST CONNECTIONS IN_FLIGHT_PER_CONNECTION

import { once } from "node:events";
import { connect } from "node:net";
import { createHistogram } from "node:perf_hooks";

const [address = "", ...counts] = process.argv.slice(2);
const [requests = 0, reportsInRequest = 1, connections = 1, depth = 1] = counts.map(Number);
const url = new URL(address);
const END_OF_HEAD = Buffer.from("\r\n\r\n");
const latency = createHistogram();
const statuses: Record<string, number> = {};
let next = 0;

const startedMs = performance.now();
await Promise.all(Array.from({ length: connections }, runConnection));
const tookMs = performance.now() - startedMs;
process.stdout.write(
  `${JSON.stringify({
    requestsPerSecond: (requests * 1000) / tookMs,
    p50Ms: latency.percentile(50) / 1e6,
    p99Ms: latency.percentile(99) / 1e6,
    statuses,
  })}\n`,
);

async function runConnection(): Promise<void> {
  const socket = connect({ host: url.hostname, port: Number(url.port), noDelay: true });
  await once(socket, "connect");
  const sentAt: bigint[] = [];
  let rest: Buffer = Buffer.alloc(0);
  const fill = () => {
    while (sentAt.length < depth && next < requests) {
      sentAt.push(process.hrtime.bigint());
      socket.write(requestOf(next++));
    }
    if (sentAt.length === 0) socket.end();
  };
  socket.on("data", (part) => {
    rest = rest.length === 0 ? part : Buffer.concat([rest, part]);
    // Every answer of the door is a head without a body.
    for (let at = rest.indexOf(END_OF_HEAD); at !== -1; at = rest.indexOf(END_OF_HEAD)) {
      const status = rest.toString("latin1", 9, 12);
      statuses[status] = (statuses[status] ?? 0) + 1;
      latency.record(process.hrtime.bigint() - (sentAt.shift() ?? 0n));
      rest = rest.subarray(at + END_OF_HEAD.length);
    }
    fill();
  });
  fill();
  await once(socket, "close");
}

function requestOf(index: number): Buffer {
  const body = reportsInRequest === 1 ? sinchBody(index) : infobipBody(index);
  const head = `POST ${url.pathname} HTTP/1.1\r\nhost: ${url.host}\r\ncontent-type: application/json\r\nuser-agent: bench\r\naccept: */*\r\ncontent-length: ${body.length}\r\n\r\n`;
  return Buffer.from(head + body);
}

function sinchBody(index: number): string {
  return `{"type":"recipient_delivery_report_sms","batch_id":"01FC66621XXXXX119Z8PMV1QPQ","recipient":"4477${90_000_000 + index}","code":0,"status":"Delivered","at":"2026-01-01T00:00:05.123Z","operator_status_at":"2026-01-01T00:00:05Z","client_reference":"00000000-0007-4000-8000-000000000001","operator":"23420"}`;
}

function infobipBody(index: number): string {
  const results = Array.from(
    { length: reportsInRequest },
    (_, item) =>
      `{"bulkId":"2034072219640523072","messageId":"v${index}-${item}","to":"4477${90_000_000 + index}","sender":"Volley","sentAt":"2026-01-01T00:00:00.000+0000","doneAt":"2026-01-01T00:00:04.000+0000","messageCount":1,"price":{"pricePerMessage":0.01,"currency":"EUR"},"mccMnc":"23410","status":{"groupId":3,"groupName":"DELIVERED","id":5,"name":"DELIVERED_TO_HANDSET","description":"Message delivered to handset"},"error":{"groupId":0,"groupName":"OK","id":0,"name":"NO_ERROR","description":"No Error","permanent":false}}`,
  );
  return `{"results":[${results.join(",")}]}`;
}
