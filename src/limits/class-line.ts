// A line in which urgent classes stand before others, and the others still get their share: of ten turns one begins
// with the least urgent class and one with the middle one.

import type { MessageClass } from "../domain/message.ts";

export type ClassLine<Item> = {
  readonly add: (item: Item, messageClass: MessageClass, place: "front" | "back") => void;
  /** The first `count` in the order in which they are to be served. They stay in the line. */
  readonly head: (count: number) => Item[];
  /** So many of the head were served: the turns go on behind them. */
  readonly served: (count: number) => void;
  /** Takes out whoever no longer waits. */
  readonly keep: (isWaiting: (item: Item) => boolean) => void;
  readonly isEmpty: () => boolean;
};

const URGENT_FIRST = ["transactional", "reminder", "marketing"] as const satisfies readonly MessageClass[];
const MIDDLE_FIRST = ["reminder", "transactional", "marketing"] as const satisfies readonly MessageClass[];
const LEAST_FIRST = ["marketing", "reminder", "transactional"] as const satisfies readonly MessageClass[];
const TURNS = 10;

export function createClassLine<Item>(): ClassLine<Item> {
  let lines: Readonly<Record<MessageClass, Item[]>> = { transactional: [], reminder: [], marketing: [] };
  let turn = 0;
  return {
    add(item, messageClass, place) {
      if (place === "front") lines[messageClass].unshift(item);
      else lines[messageClass].push(item);
    },
    head(count) {
      const taken: Record<MessageClass, number> = { transactional: 0, reminder: 0, marketing: 0 };
      const picked: Item[] = [];
      while (picked.length < count) {
        const order = orderOf(turn + picked.length);
        const next = order.find((one) => taken[one] < lines[one].length);
        const item = next === undefined ? undefined : lines[next][taken[next]];
        if (next === undefined || item === undefined) break;
        taken[next] += 1;
        picked.push(item);
      }
      return picked;
    },
    served(count) {
      turn = (turn + count) % TURNS;
    },
    keep(isWaiting) {
      const { transactional, reminder, marketing } = lines;
      lines = {
        transactional: transactional.filter(isWaiting),
        reminder: reminder.filter(isWaiting),
        marketing: marketing.filter(isWaiting),
      };
    },
    isEmpty: () => URGENT_FIRST.every((one) => lines[one].length === 0),
  };
}

function orderOf(turn: number): readonly MessageClass[] {
  if (turn % TURNS === TURNS - 1) return LEAST_FIRST;
  return turn % TURNS === TURNS / 2 - 1 ? MIDDLE_FIRST : URGENT_FIRST;
}
