// Conformance of what a provider sends to us: whatever comes to a door, reading it says only what stands there.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ReportReader } from "../../src/providers/provider.ts";
import { anyBody, bigBodies, type ConformanceCase, expectReason, SECRET } from "./conformance-case.ts";
import { numberAt, plainBatch, replaceValue, reportAccess, reportUrl, valueCount } from "./support.ts";

export function describeReports(given: ConformanceCase): void {
  const { provider, account, acceptedReply, deliveredReport, inbound } = given;
  const { facts, reports } = provider;

  describe(`${provider.name}'s reports`, () => {
    test("are asked for when the account takes them, and the address is kept sensitive", () => {
      const build = (access: Parameters<typeof reportAccess>[0] | null) => {
        const reports = access === null ? null : reportAccess(access);
        return provider.buildRequest(plainBatch(1), { ...account, reports });
      };
      expect(build(null).body?.reveal()).not.toContain(reportUrl);
      expect(JSON.stringify(build({}))).not.toContain(reportUrl);
      expect(build({}).body?.reveal().includes(reportUrl)).toBe(facts.hasReports);
    });

    test("have the proofs that the adapter can check", () => {
      expect(facts.reportProofs.includes("hmac")).toBe((reports?.isSigned ?? null) !== null);
      if (reports === null) expect(facts).toMatchObject({ hasReports: false, reportProofs: [] });
    });

    test("are described by the case exactly when the adapter reads them", () => {
      expect(deliveredReport === null).toBe(reports === null);
      expect(inbound !== null).toBe(facts.hasInbound);
    });

    if (reports === null || deliveredReport === null) return;
    const batch = plainBatch(1);
    const report = JSON.stringify(deliveredReport(batch));
    const bodies = inbound === null ? [report] : [report, JSON.stringify(inbound)];

    test("a documented one says delivered, and names the message by something that we know", () => {
      const [message] = batch.messages;
      const [accepted] = provider.readResponse(acceptedReply(batch), batch).outcomes;
      const reading = reports.readReports(report);
      expect(reading).toMatchObject({
        unreadable: 0,
        reports: [{ state: "delivered", reason: "delivered" }],
      });
      const about = reading?.reports[0]?.about;
      const ours = [message?.id, batch.callId, accepted?.kind === "accepted" && accepted.providerMessageId];
      const names = [about?.messageId, about?.callId, about?.providerMessageId].filter((id) => id !== null);
      expect(names.length).toBeGreaterThan(0);
      for (const name of names) expect(ours).toContain(name);
      expect([null, message?.to]).toContain(about?.to);
    });

    test("each door reads its own bodies only", () => {
      expect(reports.readInbound(report)).toBeNull();
      if (inbound !== null) expect(reports.readReports(JSON.stringify(inbound))).toBeNull();
    });

    test("no body makes reading throw, or brings words of its own", () => {
      fc.assert(
        fc.property(anyBody, (body) => checkReading(reports, body)),
        { numRuns: 500 },
      );
      for (const body of [...bigBodies, "", "null", '{"__proto__":{"type":"x"}}'])
        checkReading(reports, body);
    });

    test("a sound body with any value replaced by anything is read or counted, never believed in part", () => {
      for (const body of bodies) {
        const at = fc.nat(valueCount(body) - 1);
        fc.assert(
          fc.property(at, fc.jsonValue(), (index, value) => {
            checkReading(reports, replaceValue(body, index, value));
          }),
          { numRuns: 500 },
        );
        for (let index = 0; index < valueCount(body); index += 1) {
          checkReading(reports, replaceValue(body, index, `${SECRET} +447900900000\u0000`));
        }
      }
    });

    test("half of a body, cut at any byte, says nothing", () => {
      for (const body of bodies) {
        for (let cut = 0; cut < body.length; cut += 1) {
          expect(reports.readReports(body.slice(0, cut))).toBeNull();
          expect(reports.readInbound(body.slice(0, cut))).toBeNull();
        }
      }
    });

    test("fields that nobody has heard of change nothing", () => {
      const body = JSON.stringify({ brand_new: [1, null], ...JSON.parse(report), another: {} });
      expect(reports.readReports(body)).toEqual(reports.readReports(report));
    });

    if (inbound === null) return;
    test("a documented inbound SMS has its sender, and its text is kept sensitive", () => {
      const reading = reports.readInbound(JSON.stringify(inbound));
      expect(reading).toMatchObject({ unreadable: 0, inbound: [{ kind: "text", from: numberAt(0) }] });
      expect(reading?.inbound[0]?.text?.reveal()).toBe("STOP");
      expect(JSON.stringify(reading)).not.toContain("STOP");
    });
  });
}

function checkReading(reports: ReportReader, body: string): void {
  const reading = reports.readReports(body);
  const inbound = reports.readInbound(body);
  expect(reading === null || reading.unreadable >= 0).toBe(true);
  for (const { reason, code, at, about, state, permanent } of reading?.reports ?? []) {
    expectReason(reason);
    expect(code ?? "none").toMatch(/^[A-Za-z0-9][\w.:-]{0,63}$/);
    if (at !== null) expect(Number.isNaN(at.getTime())).toBe(false);
    expect(about.to ?? numberAt(0)).toMatch(/^\+[1-9]\d{4,14}$/);
    expect(about.providerMessageId ?? "none").toMatch(/^[\x21-\x7e]{1,200}$/);
    if (state !== "undelivered") expect(permanent).toBe(false);
  }
  for (const { from, to, at } of inbound?.inbound ?? []) {
    expect(from).toMatch(/^\+[1-9]\d{4,14}$/);
    expect(to ?? "none").toMatch(/^[\x20-\x7e]{1,64}$/);
    if (at !== null) expect(Number.isNaN(at.getTime())).toBe(false);
  }
}
