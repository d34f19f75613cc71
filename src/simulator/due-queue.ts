// Holds things until they are due. One timer for all of them, and one list for whatever is due in the same few
// milliseconds: what waits costs a place in a list, and what is due together is released together.

export type DueQueue<Item> = {
  readonly add: (item: Item, delayMs: number) => void;
  readonly clear: () => void;
};

const SLOT_MS = 10;
/** Longer than any pause of a provider; setTimeout itself overflows at 2^31. */
const DELAY_MS_MAX = 2_000_000_000;

export function createDueQueue<Item>(release: (items: readonly Item[]) => void): DueQueue<Item> {
  const bySlot = new Map<number, Item[]>();
  /** Ascending. */
  const slots: number[] = [];
  let timer: NodeJS.Timeout | null = null;
  let timerSlot = Number.POSITIVE_INFINITY;

  function wait(): void {
    const [first] = slots;
    if (first === undefined || first >= timerSlot) return;
    if (timer !== null) clearTimeout(timer);
    timerSlot = first;
    timer = setTimeout(fire, Math.max(0, first * SLOT_MS - performance.now()));
    timer.unref();
  }

  function fire(): void {
    timer = null;
    timerSlot = Number.POSITIVE_INFINITY;
    // A timer may come a little before its time: then the slot is waited for again.
    const nowSlot = Math.floor(performance.now() / SLOT_MS);
    const later = slots.findIndex((slot) => slot > nowSlot);
    const ripe = slots.splice(0, later < 0 ? slots.length : later);
    for (const slot of ripe) {
      const items = bySlot.get(slot) ?? [];
      bySlot.delete(slot);
      release(items);
    }
    wait();
  }

  return {
    add: (item, delayMs) => {
      const slot = Math.ceil((performance.now() + Math.min(delayMs, DELAY_MS_MAX)) / SLOT_MS);
      const items = bySlot.get(slot);
      if (items !== undefined) {
        items.push(item);
        return;
      }
      bySlot.set(slot, [item]);
      // Nearly always the last: most things wait equally long.
      let at = slots.length;
      while (at > 0 && (slots[at - 1] ?? 0) > slot) at -= 1;
      slots.splice(at, 0, slot);
      wait();
    },
    clear: () => {
      if (timer !== null) clearTimeout(timer);
      timer = null;
      timerSlot = Number.POSITIVE_INFINITY;
      bySlot.clear();
      slots.length = 0;
    },
  };
}
