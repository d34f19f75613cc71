// [1] One message under a key that its sender chose, for those who come through no HTTP request: the same key and
// message again, within a day, is answered with the first one and sends nothing.

import { createHash } from "node:crypto";
import { VolleyError } from "../domain/errors.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { type AcceptedMessage, acceptMessage, type MessageDraft } from "./accept-message.ts";
import type { IntakeRules } from "./choose-accounts.ts";

/** `owner` keeps the keys of different kinds of senders apart. */
export async function acceptMessageOnce(
  { ledger }: { readonly ledger: Pick<Ledger, "idempotency"> },
  { owner, key }: { readonly owner: string; readonly key: string },
  draft: MessageDraft,
  rules: IntakeRules,
): Promise<AcceptedMessage> {
  const request = { owner, keyHash: sha256(key), fingerprint: sha256(JSON.stringify(draft)) };
  const end = await ledger.idempotency.run(request, async (creators) => {
    const accepted = await acceptMessage({ ledger: creators }, draft, rules);
    const { id, state, segments } = accepted;
    return { status: 202, body: { id, state, segments }, accepted };
  });
  switch (end.kind) {
    case "done":
      return end.answer.accepted;
    case "done-before":
      // It was stored by the lines above.
      return { ...(end.answer.body as Pick<AcceptedMessage, "id" | "state" | "segments">), chunk: null };
    case "other-request":
      throw new VolleyError(
        "idempotency_key_reused",
        "Cannot send: this idempotency key was used for another message. Choose a new key for a new message.",
      );
    default:
      return end satisfies never;
  }
}

function sha256(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
