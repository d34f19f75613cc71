// The sender that a handset shows. Which one an account may use is its provider's matter; what the networks can
// carry at all is 3GPP TS 23.040 (9.1.2.5): eleven characters of seven bits, or a number by E.164.

import { measureText } from "./sms-text.ts";

const SEPTETS_MAX = 11;
const NUMBER = /^\+?\d{1,15}$/;

/** Continues a sentence that begins with "the sender" or with the setting's name; null: every network can carry it. */
export function networkSenderFault(sender: string): string | null {
  if (NUMBER.test(sender)) return null;
  const { encoding, units } = measureText(sender);
  const isReadable = sender.trim() !== "" && !/\p{Cc}/u.test(sender);
  if (isReadable && encoding === "gsm-7" && units <= SEPTETS_MAX) return null;
  return `must have up to ${SEPTETS_MAX} characters of the SMS alphabet, or up to 15 digits`;
}
