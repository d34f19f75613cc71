// Untrusted JSON, read without trust: anything but an object is null, and a field of the wrong type is absent.

export type JsonObject = Readonly<Record<string, unknown>>;

export function parseJsonObject(text: string): JsonObject | null {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? value : null;
  } catch {
    return null;
  }
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** An own field that is a string with something in it; never one that the prototype lends. */
export function readString(object: JsonObject | null, name: string): string | null {
  if (object === null || !Object.hasOwn(object, name)) return null;
  const value = object[name];
  return typeof value === "string" && value !== "" ? value : null;
}
