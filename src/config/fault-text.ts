// What is wrong with a setting, in words for the person who wrote it. Never the value, which may be a secret.

import { z } from "zod";
import { type Fault, joinPath } from "./tree.ts";

/** Given to zod in place of its own words; nothing where a field's own rule says it better. */
export function issueText(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.input === undefined) return "is missing";
  switch (issue.code) {
    case "invalid_type":
      return `must be ${typeWords[issue.expected] ?? issue.expected}`;
    case "too_small":
      if (issue.origin === "number" || issue.origin === "int") return `must be at least ${issue.minimum}`;
      return Number(issue.minimum) === 1 ? "must not be empty" : `must have at least ${issue.minimum}`;
    case "too_big":
      if (issue.origin === "number" || issue.origin === "int") return `must be at most ${issue.maximum}`;
      return `must have at most ${issue.maximum} ${issue.origin === "string" ? "characters" : "entries"}`;
    case "invalid_value":
      return `must be one of ${issue.values.join(", ")}`;
    case "invalid_union":
      return Array.isArray(issue.options) ? `must be one of ${issue.options.join(", ")}` : undefined;
    case "unrecognized_keys":
      return `is not a setting${knownSettings(issue.inst)}`;
    default:
      return undefined;
  }
}

/** One fault a setting: the form names all unknown settings of a place in one issue. */
export function toFaults(issue: z.core.$ZodIssue): Fault[] {
  const path = issue.path.reduce<string>(joinPath, "");
  if (issue.code !== "unrecognized_keys") return [{ path, message: issue.message }];
  return issue.keys.map((key) => ({ path: joinPath(path, key), message: issue.message }));
}

const typeWords: Readonly<Record<string, string>> = {
  string: "text",
  number: "a number",
  int: "a whole number",
  array: "a list",
  object: "a group of settings",
  record: "a group of settings",
};

function knownSettings(schema: unknown): string {
  return schema instanceof z.ZodObject ? `; known here: ${Object.keys(schema.shape).join(", ")}` : "";
}
