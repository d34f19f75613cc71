// [4] How many calls of this process are in flight at an account. An urgent call gets the next place that is free,
// however many others wait: those stand in a line of their own, and each comes to the places only when one is free for it.

import pLimit from "p-limit";
import type { MessageClass } from "../domain/message.ts";

export type InFlight = <T>(messageClass: MessageClass, call: () => Promise<T>) => Promise<T>;

export function createInFlight(max: number): InFlight {
  const places = pLimit(max);
  const others = pLimit(max);
  return (messageClass, call) =>
    messageClass === "transactional" ? places(call) : others(() => places(call));
}
