// A value that must not reach a log, an error, a metric or a URL: secrets, tokens, phone numbers, texts.
//
// It prints as "[hidden]" wherever JavaScript turns it into text by itself (JSON, template strings,
// util.inspect), and gives the value only to code that calls reveal(). Which folders may do so is held
// by test/tidy.test.ts.

import { inspect } from "node:util";

const MASK = "[hidden]";

export class Sensitive<T> {
  readonly #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  reveal(): T {
    return this.#value;
  }

  toString(): string {
    return MASK;
  }

  toJSON(): string {
    return MASK;
  }

  [inspect.custom](): string {
    return MASK;
  }
}

export function sensitive<T>(value: T): Sensitive<T> {
  return new Sensitive(value);
}
