// [4] How many calls of this process are in flight at an account.
//
// A tenth of the places is kept for urgent calls, so that a one-time code finds one also while a slow provider sits on
// all the others. Where there is one place only, an urgent call gets it next: the others wait in a line of their own.

import pLimit from "p-limit";
import type { Urgency } from "../domain/urgency.ts";

export type InFlight = <T>(urgency: Urgency, call: () => Promise<T>) => Promise<T>;

/** How many of the places calls may hold that are not urgent. */
export function openPlaces(max: number): number {
  return max === 1 ? 1 : max - Math.max(1, Math.floor(max / 10));
}

export function createInFlight(max: number): InFlight {
  const places = pLimit(max);
  const others = pLimit(openPlaces(max));
  return (urgency, call) => (urgency === "urgent" ? places(call) : others(() => places(call)));
}
