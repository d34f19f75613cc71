// The batches that the simulated Sinch has taken, and the questions it answers about them (read 2026-11-22).
//
//   https://developers.sinch.com/docs/sms/api-reference (Batches)    list and single look-up    [api]
//
// [api] Newest first, pages from 0, 30 to a page and 100 at most, `start_date` 24 hours ago unless given.
// How soon after the POST a batch appears is not documented: the `look-up-lag-ms` fault decides.

import { parseIsoDate } from "./sinch-request.ts";

export type SinchBatch = {
  readonly id: string;
  readonly createdAtMs: number;
  readonly reference: string | null;
  readonly from: string | null;
  /** The whole answer as it went out. */
  readonly json: string;
  /** Those who can never get their text, because it lacks a value. */
  readonly doomed: ReadonlySet<string>;
};

export type BatchListing =
  | { readonly ok: true; readonly json: string }
  | {
      readonly ok: false;
      readonly code: "syntax_invalid_parameter_format" | "syntax_constraint_violation";
      readonly text: string;
    };

export type SinchBatches = {
  readonly add: (batch: SinchBatch) => void;
  readonly find: (id: string) => SinchBatch | null;
  readonly list: (query: string, now: { readonly wallMs: number; readonly lagMs: number }) => BatchListing;
  readonly clear: () => void;
};

/** Sinch keeps 14 days [api]; the simulator keeps this many, which is days of work for one machine. */
const BATCHES_MAX = 1_000_000;
const PAGE_SIZE_DEFAULT = 30;
const PAGE_SIZE_MAX = 100;
const HISTORY_DEFAULT_MS = 24 * 3_600_000;

type Filter = {
  readonly page: number;
  readonly pageSize: number;
  readonly reference: string | null;
  readonly from: readonly string[] | null;
  readonly startMs: number;
  readonly endMs: number;
};

export function createSinchBatches(): SinchBatches {
  // A Map keeps the order of arrival, which is the order of age.
  const byId = new Map<string, SinchBatch>();
  const byReference = new Map<string, SinchBatch[]>();

  function dropOldest(): void {
    const oldest = byId.values().next();
    if (oldest.done === true) return;
    byId.delete(oldest.value.id);
    const namesakes = byReference.get(oldest.value.reference ?? "");
    if (namesakes === undefined) return;
    namesakes.shift();
    if (namesakes.length === 0) byReference.delete(oldest.value.reference ?? "");
  }

  return {
    add: (batch) => {
      byId.set(batch.id, batch);
      // ASSUMED: a reference may name any number of batches; nothing documents that it is unique.
      const namesakes = byReference.get(batch.reference ?? "");
      if (namesakes === undefined) byReference.set(batch.reference ?? "", [batch]);
      else namesakes.push(batch);
      if (byId.size > BATCHES_MAX) dropOldest();
    },
    find: (id) => byId.get(id) ?? null,
    list: (query, { wallMs, lagMs }) => {
      const filter = readFilter(new URLSearchParams(query), wallMs);
      if ("code" in filter) return { ok: false, ...filter };
      const candidates =
        filter.reference === null ? [...byId.values()] : (byReference.get(filter.reference) ?? []);
      const found = candidates
        .filter((batch) => matches(batch, filter) && batch.createdAtMs + lagMs <= wallMs)
        .reverse();
      const start = filter.page * filter.pageSize;
      const page = found.slice(start, start + filter.pageSize).map(({ json }) => json);
      const head = `"count":${found.length},"page":${filter.page},"page_size":${filter.pageSize}`;
      return { ok: true, json: `{${head},"batches":[${page.join(",")}]}` };
    },
    clear: () => {
      byId.clear();
      byReference.clear();
    },
  };
}

function matches(batch: SinchBatch, filter: Filter): boolean {
  return (
    // ASSUMED: the start belongs to the span, the end does not.
    batch.createdAtMs >= filter.startMs &&
    batch.createdAtMs < filter.endMs &&
    (filter.reference === null || batch.reference === filter.reference) &&
    (filter.from === null || (batch.from !== null && filter.from.includes(batch.from)))
  );
}

function readFilter(
  query: URLSearchParams,
  wallMs: number,
): Filter | Omit<BatchListing & { ok: false }, "ok"> {
  const page = readWhole(query.get("page"), 0);
  const pageSize = readWhole(query.get("page_size"), PAGE_SIZE_DEFAULT);
  if (page === null || pageSize === null) {
    return { code: "syntax_invalid_parameter_format", text: "page and page_size are whole numbers." };
  }
  if (pageSize < 1 || pageSize > PAGE_SIZE_MAX) {
    return { code: "syntax_constraint_violation", text: `page_size lies between 1 and ${PAGE_SIZE_MAX}.` };
  }
  const [start, end] = [query.get("start_date"), query.get("end_date")];
  const startMs = start === null ? wallMs - HISTORY_DEFAULT_MS : parseIsoDate(start);
  const endMs = end === null ? Number.POSITIVE_INFINITY : parseIsoDate(end);
  if (startMs === null || endMs === null) {
    return { code: "syntax_invalid_parameter_format", text: "start_date and end_date are ISO-8601 dates." };
  }
  const from = query.get("from")?.split(",") ?? null;
  return { page, pageSize, reference: query.get("client_reference"), from, startMs, endMs };
}

function readWhole(text: string | null, fallback: number): number | null {
  if (text === null) return fallback;
  return /^\d{1,9}$/.test(text) ? Number(text) : null;
}
