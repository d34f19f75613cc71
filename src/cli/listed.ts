// An option's value that lists words, in one argument or in several.

export function listed(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, ...text.split(/[\s,]+/).filter((word) => word !== "")];
}
