// The reports of the simulated mobile.digital. ASSUMED altogether: its pages say that webhooks can be managed, and
// nothing about their bodies, login or repetition. Off until the account has an address for them, because a
// message of this provider otherwise ends at `accepted`.

import { randomUUID } from "node:crypto";
import type { Fate, ReportOrder, ReportWire } from "./report-order.ts";

const RETRY_WAITS_MS = [10_000, 60_000, 300_000];

export const mobileDigitalReports: ReportWire = {
  perPostMax: 1,
  wrap: ([item = ""]) => item,
  retry: (tries) => RETRY_WAITS_MS[tries - 1] ?? "given-up",
};

export function orderMobileDigitalReport(messageId: string, digits: string): ReportOrder {
  const write = (id: string, fate: Fate, atMs: number) => {
    const status = fate.kind === "delivered" ? "delivered" : "failed";
    const timestamp = new Date(atMs).toISOString();
    return `{"messageId":"${id}","recipient":"+${digits}","status":"${status}","timestamp":"${timestamp}"}`;
  };
  return {
    url: null,
    recipients: [digits],
    intermediate: false,
    write: (_index, fate, atMs) => write(messageId, fate, atMs),
    writeStray: (atMs) => write(randomUUID(), { kind: "delivered" }, atMs),
  };
}
