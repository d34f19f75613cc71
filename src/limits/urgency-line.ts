// A line in which the urgent stand before the others, and the others still get their share: of ten turns each of the
// other urgencies has the first right to one. Within one urgency it is first come, first served.

import { type Urgency, urgencies } from "../domain/urgency.ts";

export type UrgencyLine<Item> = {
  readonly add: (item: Item, urgency: Urgency, place: "front" | "back") => void;
  /** The first `count` in the order in which they are to be served. They stay in the line. */
  readonly head: (count: number) => readonly Placed<Item>[];
  /** So many of the head were served: the turns go on behind them. */
  readonly served: (count: number) => void;
  /** Takes out whoever no longer waits. */
  readonly keep: (isWaiting: (item: Item) => boolean) => void;
  readonly isEmpty: () => boolean;
};

export type Placed<Item> = { readonly item: Item; readonly urgency: Urgency };

/** Who has the first right to each turn, round and round; when nobody of that urgency waits, the most urgent goes. */
const TURNS: readonly Urgency[] = [
  "urgent",
  "urgent",
  "transactional",
  "urgent",
  "urgent",
  "reminder",
  "urgent",
  "urgent",
  "urgent",
  "marketing",
];

/** Whose turn it is, among urgencies of which somebody waits; undefined: nobody does. */
export function urgencyAt(turn: number, waits: (urgency: Urgency) => boolean): Urgency | undefined {
  const first = TURNS[turn % TURNS.length];
  return first !== undefined && waits(first) ? first : urgencies.find(waits);
}

export function createUrgencyLine<Item>(): UrgencyLine<Item> {
  const lines: Record<Urgency, Item[]> = { urgent: [], transactional: [], reminder: [], marketing: [] };
  let turn = 0;
  return {
    add(item, urgency, place) {
      if (place === "front") lines[urgency].unshift(item);
      else lines[urgency].push(item);
    },
    head(count) {
      const taken: Record<Urgency, number> = { urgent: 0, transactional: 0, reminder: 0, marketing: 0 };
      const picked: Placed<Item>[] = [];
      while (picked.length < count) {
        const urgency = urgencyAt(turn + picked.length, (one) => taken[one] < lines[one].length);
        const item = urgency === undefined ? undefined : lines[urgency][taken[urgency]];
        if (urgency === undefined || item === undefined) break;
        taken[urgency] += 1;
        picked.push({ item, urgency });
      }
      return picked;
    },
    served(count) {
      turn += count;
    },
    keep(isWaiting) {
      for (const one of urgencies) lines[one] = lines[one].filter(isWaiting);
    },
    isEmpty: () => urgencies.every((one) => lines[one].length === 0),
  };
}
