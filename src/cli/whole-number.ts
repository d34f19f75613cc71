// An option's value that counts something.

import { InvalidArgumentError } from "commander";

export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const count = Number(text);
    if (/^\d+$/.test(text) && count >= min && count <= max) return count;
    throw new InvalidArgumentError(
      `It must be a whole number from ${min} to ${max.toLocaleString("en-US")}.`,
    );
  };
}
