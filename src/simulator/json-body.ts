// A request's body as a JSON object, or null for anything else: other JSON, broken JSON, broken UTF-8.

import { isUtf8 } from "node:buffer";

export type JsonObject = Readonly<Record<string, unknown>>;

export function parseJsonBody(body: Buffer): JsonObject | null {
  if (!isUtf8(body)) return null;
  try {
    const value: unknown = JSON.parse(body.toString());
    return isJsonObject(value) ? value : null;
  } catch {
    return null;
  }
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
