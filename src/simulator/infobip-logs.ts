// What the simulated Infobip remembers of its messages, and GET /sms/3/logs about them (OpenAPI document of version
// 3.210.0, read 2026-11-22): the last 48 hours, 50 to a page and 1000 at most, by id, bulk, people and time.
//
// How soon after the POST a message can be seen is not documented: the `look-up-lag-ms` fault decides. Left out:
// cursors. ASSUMED: newest first; query parameters that the document does not name are refused.

import { digitsOf } from "./faults.ts";
import type { Violation } from "./infobip-schema.ts";
import { type InfobipStatus, infobipStatuses } from "./infobip-statuses.ts";

export type InfobipEntry = {
  readonly messageId: string;
  readonly bulkId: string | null;
  readonly destination: string;
  readonly sender: string | null;
  readonly sentAtMs: number;
  readonly segments: number;
  readonly text: string | null;
  readonly status: InfobipStatus;
  /** Left out: the one that goes with the status. */
  readonly error?: object;
};

export type InfobipLogs = {
  readonly add: (entry: InfobipEntry) => void;
  /** True for the id of a message that was taken. */
  readonly isTaken: (messageId: string) => boolean;
  readonly list: (
    query: string,
    now: { readonly wallMs: number; readonly lagMs: number },
  ) =>
    | { readonly ok: true; readonly results: readonly unknown[] }
    | { readonly ok: false; readonly violations: readonly Violation[] };
  readonly clear: () => void;
};

/** Infobip keeps 48 hours; the simulator forgets the oldest beyond this. */
const ENTRIES_MAX = 1_000_000;
const HISTORY_MS = 48 * 3_600_000;
const LIMIT_DEFAULT = 50;
const LIMIT_MAX = 1000;
const MESSAGE_IDS_CHARACTERS_MAX = 2048;
const PENDING_GROUP = 1;
const GENERAL_STATUSES = ["ACCEPTED", "PENDING", "UNDELIVERABLE", "DELIVERED", "EXPIRED", "REJECTED"];
const PARAMETERS = [
  "mcc",
  "mnc",
  "sender",
  "destination",
  "bulkId",
  "messageId",
  "generalStatus",
  "sentSince",
  "sentUntil",
  "limit",
  "entityId",
  "applicationId",
  "campaignReferenceId",
];
const NO_ERROR = {
  groupId: 0,
  groupName: "OK",
  id: 0,
  name: "NO_ERROR",
  description: "No Error",
  permanent: false,
};

type Filter = {
  readonly messageIds: readonly string[] | null;
  readonly bulkIds: readonly string[] | null;
  readonly limit: number;
  readonly fits: (entry: InfobipEntry) => boolean;
};

/** `laterOf`: what became of a message that was taken; null: nothing yet. */
export function createInfobipLogs(
  laterOf: (entry: InfobipEntry) => Pick<InfobipEntry, "status" | "error"> | null,
): InfobipLogs {
  // A Map keeps the order of arrival, which is the order of age.
  const byId = new Map<string, InfobipEntry>();

  return {
    add: (entry) => {
      // Taken out first, so that a message that was refused and comes again stands among the new ones.
      byId.delete(entry.messageId);
      byId.set(entry.messageId, entry);
      const oldest = byId.keys().next();
      if (byId.size > ENTRIES_MAX && oldest.done !== true) byId.delete(oldest.value);
    },
    // ASSUMED: a refused message leaves its id free.
    isTaken: (messageId) => byId.get(messageId)?.status.groupId === PENDING_GROUP,
    list: (query, { wallMs, lagMs }) => {
      const found: Violation[] = [];
      const filter = readFilter(new URLSearchParams(query), found);
      if (found.length > 0) return { ok: false, violations: found };
      const candidates =
        filter.messageIds === null
          ? [...byId.values()]
          : filter.messageIds.flatMap((id) => byId.get(id) ?? []);
      const seen = candidates
        .filter(({ sentAtMs }) => sentAtMs + lagMs <= wallMs && sentAtMs > wallMs - HISTORY_MS)
        .map((entry) => (entry.status.groupId === PENDING_GROUP ? { ...entry, ...laterOf(entry) } : entry))
        .filter(filter.fits)
        .sort((one, other) => other.sentAtMs - one.sentAtMs);
      return { ok: true, results: seen.slice(0, filter.limit).map(describe) };
    },
    clear: () => byId.clear(),
  };
}

/** [I-sms] Dates carry an offset without a colon. */
export function infobipDate(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, -1)}+0000`;
}

function describe(entry: InfobipEntry) {
  const { sender, bulkId, text, status } = entry;
  const error = entry.error ?? (status.groupId === PENDING_GROUP ? NO_ERROR : refusalError(status));
  return {
    ...(sender === null ? {} : { sender }),
    destination: entry.destination,
    ...(bulkId === null ? {} : { bulkId }),
    messageId: entry.messageId,
    sentAt: infobipDate(entry.sentAtMs),
    doneAt: infobipDate(entry.sentAtMs),
    messageCount: entry.segments,
    price: { pricePerMessage: 0.01, currency: "EUR" },
    status,
    error,
    ...(text === null ? {} : { content: { text } }),
  };
}

/** The error that goes with a refusal at once; ASSUMED to repeat the status. */
function refusalError({ id, name, description }: InfobipStatus) {
  return {
    groupId: 3,
    groupName: "OPERATOR_ERRORS",
    id,
    name,
    description,
    permanent: id !== infobipStatuses.systemError.id,
  };
}

function readFilter(query: URLSearchParams, found: Violation[]): Filter {
  for (const name of query.keys()) {
    if (!PARAMETERS.includes(name)) found.push({ property: name, violation: "unknown parameter" });
  }
  const [ids, sender, destination, general] = [
    query.get("messageId"),
    query.get("sender"),
    query.get("destination"),
    query.get("generalStatus"),
  ];
  if (ids !== null && ids.length > MESSAGE_IDS_CHARACTERS_MAX) {
    const violation = `size must be between 0 and ${MESSAGE_IDS_CHARACTERS_MAX}`;
    found.push({ property: "messageId", violation });
  }
  if (general !== null && !GENERAL_STATUSES.includes(general)) {
    found.push({ property: "generalStatus", violation: `must be one of ${GENERAL_STATUSES.join(", ")}` });
  }
  const limit = Number(query.get("limit") ?? LIMIT_DEFAULT);
  if (!Number.isInteger(limit) || limit < 1 || limit > LIMIT_MAX) {
    found.push({ property: "limit", violation: `must be between 1 and ${LIMIT_MAX}` });
  }
  const sinceMs = readDate(query, "sentSince", Number.NEGATIVE_INFINITY, found);
  const untilMs = readDate(query, "sentUntil", Number.POSITIVE_INFINITY, found);
  const bulkIds = query.get("bulkId")?.split(",") ?? null;
  return {
    messageIds: ids?.split(",") ?? null,
    bulkIds,
    limit,
    fits: (entry) =>
      (bulkIds === null || (entry.bulkId !== null && bulkIds.includes(entry.bulkId))) &&
      (sender === null || entry.sender === sender) &&
      (destination === null || entry.destination === digitsOf(destination)) &&
      (general === null || entry.status.groupName === general) &&
      entry.sentAtMs >= sinceMs &&
      entry.sentAtMs <= untilMs,
  };
}

function readDate(query: URLSearchParams, name: string, fallback: number, found: Violation[]): number {
  const text = query.get(name);
  if (text === null) return fallback;
  const ms = Date.parse(text.replace(/([+-]\d{2})(\d{2})$/, "$1:$2"));
  if (Number.isNaN(ms)) found.push({ property: name, violation: "must be a date" });
  return ms;
}
