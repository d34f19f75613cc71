// Options that several commands have, in the same words.

import { Option } from "commander";
import { type MessageClass, messageClasses } from "../domain/message.ts";
import type { GlobalOptions } from "./run.ts";
import { wholeNumber } from "./whole-number.ts";

/** What was typed before the command; known when it runs. */
export type Global = () => GlobalOptions;

const ROWS_MAX = 500;

/** Reads the rows of a page, 1 to 500. */
export const count = wholeNumber(1, ROWS_MAX);

export function classOption(fallback: MessageClass): Option {
  return new Option("--class <class>", "what may be done when nobody knows whether it was sent")
    .choices(messageClasses)
    .default(fallback);
}
