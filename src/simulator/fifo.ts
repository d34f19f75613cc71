// A queue whose front is taken in constant time: an array's shift moves all that stands behind.

export type Fifo<Item> = {
  readonly push: (item: Item) => void;
  readonly peek: () => Item | undefined;
  readonly shift: () => Item | undefined;
  readonly clear: () => void;
};

/** The taken front is cut off when it is this long and half of the array. */
const CUT_ITEMS = 1024;

export function createFifo<Item>(): Fifo<Item> {
  let items: Item[] = [];
  let front = 0;
  return {
    push: (item) => void items.push(item),
    peek: () => items[front],
    shift: () => {
      const item = items[front];
      if (item === undefined) return undefined;
      front += 1;
      if (front === items.length || (front >= CUT_ITEMS && front * 2 >= items.length)) {
        items = items.slice(front);
        front = 0;
      }
      return item;
    },
    clear: () => {
      items = [];
      front = 0;
    },
  };
}
