// Templates: `Hi {{name}}`, plain substitution. A value is never expanded again.
//
// There is no expression, filter or path: what stands between the braces is a name, looked up by position.
// So neither a template nor a value can reach anything but a recipient's own cells.

import assert from "node:assert";
import { characterFault } from "./text-check.ts";

/** A parsed template: text parts around fields; parts.length === slots.length + 1. */
export type Template = {
  readonly source: string;
  readonly parts: readonly string[];
  /** The field that stands after part i; the same field may stand twice. */
  readonly slots: readonly string[];
  /** The distinct fields, in order of first appearance: the order of a recipient's values. */
  readonly fields: readonly string[];
};

export type TemplateReading =
  | { readonly ok: true; readonly template: Template }
  | { readonly ok: false; readonly reason: string };

const TEMPLATE_CHARACTERS_MAX = 4000;
const FIELD_CHARACTERS_MAX = 64;
const FIELDS_MAX = 50;

/** What a CSV header may be called: letters of any script, digits, `_ - .` and spaces inside. */
const FIELD_FORM = /^[\p{L}\p{N}_.-](?:[\p{L}\p{M}\p{N}_. -]*[\p{L}\p{M}\p{N}_.-])?$/u;

export function parseTemplate(source: string): TemplateReading {
  if (source.length > TEMPLATE_CHARACTERS_MAX) {
    return refused(`The template is longer than ${TEMPLATE_CHARACTERS_MAX} characters.`);
  }
  if (source.trim() === "") return refused("The template is empty.");
  const fault = characterFault(source);
  if (fault !== null) return refused(`The template ${fault}.`);

  const parts: string[] = [];
  const slots: string[] = [];
  let from = 0;
  for (;;) {
    const open = source.indexOf("{{", from);
    const part = open < 0 ? source.slice(from) : source.slice(from, open);
    if (part.includes("}}")) return refused('The template has a "}}" without a "{{" before it.');
    parts.push(part);
    if (open < 0) break;
    const close = source.indexOf("}}", open + 2);
    if (close < 0) return refused('The template has a "{{" without a "}}" after it.');
    const field = source.slice(open + 2, close).trim();
    const fieldFault = checkField(field);
    if (fieldFault !== null) return refused(fieldFault);
    slots.push(field);
    from = close + 2;
  }
  const fields = [...new Set(slots)];
  if (fields.length > FIELDS_MAX) return refused(`The template has more than ${FIELDS_MAX} fields.`);
  return { ok: true, template: { source, parts, slots, fields } };
}

/** `values` in the order of `template.fields`. */
export function renderTemplate(template: Template, values: readonly string[]): string {
  assert.equal(values.length, template.fields.length, "A template takes one value for each of its fields");
  let text = template.parts[0] ?? "";
  for (let index = 0; index < template.slots.length; index += 1) {
    const field = template.slots[index] ?? "";
    text += (values[template.fields.indexOf(field)] ?? "") + (template.parts[index + 1] ?? "");
  }
  return text;
}

export type FieldBinding =
  /** The column of each field, in the order of `template.fields`. */
  | { readonly ok: true; readonly columns: readonly number[] }
  | { readonly ok: false; readonly missing: readonly string[]; readonly reason: string };

/** Names must match to the letter: `Name` and `name` may be two columns. */
export function bindFields(template: Template, headers: readonly string[]): FieldBinding {
  const missing = template.fields.filter((field) => !headers.includes(field));
  if (missing.length === 0) {
    return { ok: true, columns: template.fields.map((field) => headers.indexOf(field)) };
  }
  const reason = missing
    .map((field) => {
      const near = headers.find((header) => loosely(header) === loosely(field));
      const hint = near === undefined ? "" : ` Did you mean {{${near.trim()}}}?`;
      return `The template's field {{${field}}} is not a column of the file.${hint}`;
    })
    .join(" ");
  return { ok: false, missing, reason };
}

function checkField(field: string): string | null {
  if (field === "") return 'The template has a "{{}}" without a name inside.';
  if (field.length > FIELD_CHARACTERS_MAX) {
    return `The template has a field name longer than ${FIELD_CHARACTERS_MAX} characters.`;
  }
  if (FIELD_FORM.test(field)) return null;
  return `The template has ${JSON.stringify(`{{${field}}}`)}: only a column's name may stand there, made of letters, digits, "_", "-", "." and spaces inside.`;
}

function loosely(name: string): string {
  return name.toLowerCase().replaceAll(/[\s_.-]/g, "");
}

function refused(reason: string): TemplateReading {
  return { ok: false, reason };
}
