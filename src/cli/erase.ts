// `volley erase`: a person's wish to be forgotten.

import { erasePerson } from "../intake/erase-person.ts";
import { phoneNumber } from "./opt-out.ts";
import { grouped, printJson, say } from "./output.ts";
import { type GlobalOptions, withLedger } from "./run.ts";

export type EraseOptions = GlobalOptions & { readonly country?: string; readonly json?: boolean };

export async function erase(text: string, { country, json, ...options }: EraseOptions): Promise<void> {
  const number = phoneNumber(text, country);
  await withLedger(options, async (parts) => {
    const { messages, cancelled, drafted, posts } = await erasePerson(parts, number);
    if (json === true) return printJson({ messages, cancelled, drafted, posts });
    const back = cancelled === 0 ? "" : ` (${grouped(cancelled)} taken back before they were sent)`;
    const drafts = drafted === 0 ? "" : ` ${grouped(drafted)} taken out of drafts.`;
    say(`Erased: ${grouped(messages)} messages${back}.${drafts} An opt-out holds without its number.`);
  });
}
