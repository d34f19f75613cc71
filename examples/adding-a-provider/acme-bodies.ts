// Acme's documented bodies for batches of ours: all that the conformance suite needs (docs/adding-a-provider.md).

import { type ConformanceCase, SECRET } from "../../test/providers/conformance-case.ts";
import { accountOf, reply } from "../../test/providers/support.ts";
import { acme } from "./acme.ts";

export const acmeCase: ConformanceCase = {
  provider: acme,
  account: accountOf("acme", { login: { apiKey: SECRET } }),
  acceptedReply: ({ callId, messages }) =>
    reply(200, {
      reference: callId,
      messages: messages.map(({ to }) => ({ to, id: `acme-${to.slice(1)}` })),
    }),
  itemsAt: ["messages"],
  // Acme cannot be asked, neither about a call nor for a report, and brings no SMS that people send.
  foundReply: null,
  askedReply: null,
  inbound: null,
  deliveredReport: ({ callId, messages }) => ({
    reports: messages.map(({ to }) => ({
      reference: callId,
      to,
      id: `acme-${to.slice(1)}`,
      status: "delivered",
      at: "2026-01-01T00:00:00Z",
    })),
  }),
};
