// Templates: names and nothing else between the braces, values that are never read again, columns by name.
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: such texts are what is tested here.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bindFields, parseTemplate, renderTemplate, type Template } from "../../src/domain/template.ts";

function parsed(source: string): Template {
  const reading = parseTemplate(source);
  if (!reading.ok) throw new Error(reading.reason);
  return reading.template;
}

describe("what is refused", () => {
  it.each<[source: string, reason: RegExp]>([
    ["", /empty/],
    [" \n", /empty/],
    ["Hi {{}}", /without a name/],
    ["Hi {{ }}", /without a name/],
    ["Hi {{name", /without a "\}\}"/],
    ["Hi {{name}", /without a "\}\}"/],
    ["Hi {{", /without a "\}\}"/],
    ["Hi name}}", /without a "\{\{"/],
    ["Hi {name}}", /without a "\{\{"/],
    ["Hi {{name}} }}", /without a "\{\{"/],
    ["Hi {{{name}}}", /only a column's name/],
    ["Hi {{a {{b}} c}}", /only a column's name/],
    ["{{constructor.constructor('return process')()}}", /only a column's name/],
    ["{{name | upper}}", /only a column's name/],
    ["{{#each people}}", /only a column's name/],
    ["{{a[0]}}", /only a column's name/],
    ["{{a\nb}}", /only a column's name/],
    ["{{${name}}}", /only a column's name/],
    ["{{<b>}}", /only a column's name/],
    ["{{\u202ename}}", /only a column's name/],
    [`{{${"n".repeat(65)}}}`, /longer than 64 characters/],
    ["x".repeat(4001), /longer than 4000 characters/],
    [Array.from({ length: 51 }, (_, index) => `{{f${index}}}`).join(""), /more than 50 fields/],
    ["Hi \u0000", /U\+0000/],
    ["Hi \ud83d {{name}}", /surrogate/],
  ])("%j", (source, reason) => {
    expect(parseTemplate(source)).toEqual({ ok: false, reason: expect.stringMatching(reason) });
  });
});

describe("what is a field and what is plain text", () => {
  it.each<[source: string, parts: string[], slots: string[]]>([
    ["Hello", ["Hello"], []],
    ["{{name}}", ["", ""], ["name"]],
    ["Hi {{ name }}!", ["Hi ", "!"], ["name"]],
    ["{{a}}{{b}}", ["", "", ""], ["a", "b"]],
    ["{{First name}} {{e-mail_2.home}}", ["", " ", ""], ["First name", "e-mail_2.home"]],
    ["{{förnamn}} {{名前}} {{имя}}", ["", " ", " ", ""], ["förnamn", "名前", "имя"]],
    ["{{__proto__}} {{constructor}}", ["", " ", ""], ["__proto__", "constructor"]],
    ["{name} ${name} $" + "{ {name} }", ["{name} ${name} ${ {name} }"], []],
    [`{{${"n".repeat(64)}}}`, ["", ""], ["n".repeat(64)]],
  ])("%j", (source, parts, slots) => {
    expect(parsed(source)).toMatchObject({ source, parts, slots });
  });

  it("a field that stands twice is one field, in the order of first appearance", () => {
    expect(parsed("{{b}} {{a}} {{b}}")).toMatchObject({ slots: ["b", "a", "b"], fields: ["b", "a"] });
  });
});

describe("rendering", () => {
  it("puts each value at each of its places", () => {
    expect(renderTemplate(parsed("{{b}}-{{a}}-{{b}}!"), ["1", "2"])).toBe("1-2-1!");
  });

  it.each(["{{code}}", "${code}", "$&", "$1", "}}", "{{", "\\", "\n", "<b>", ""])(
    "the value %j arrives as it stands, and is not expanded again",
    (value) => {
      expect(renderTemplate(parsed("Hi {{name}}, {{code}}"), [value, "42"])).toBe(`Hi ${value}, 42`);
    },
  );

  it("is parts and values laid end to end, whatever they hold", () => {
    const plain = fc.string().filter((text) => !/[{}]|\0/.test(text));
    const field = fc.stringMatching(/^[a-z]{1,8}$/);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(plain, field, fc.string()), { minLength: 1, maxLength: 10 }),
        (pieces) => {
          const source = pieces.map(([text, name]) => `${text}{{${name}}}`).join("");
          const template = parsed(source);
          const values = new Map(pieces.map(([, name, value]) => [name, value]));
          const given = template.fields.map((name) => values.get(name) ?? "");
          const expected = pieces.map(([text, name]) => text + (values.get(name) ?? "")).join("");
          expect(renderTemplate(template, given)).toBe(expected);
        },
      ),
      { numRuns: 1000 },
    );
  });

  it("stops the process when a value is missing, which intake rules out", () => {
    expect(() => renderTemplate(parsed("{{a}} {{b}}"), ["1"])).toThrow(/one value for each/);
  });
});

describe("binding to columns", () => {
  const template = parsed("Hi {{name}}, {{__proto__}} {{name}} {{city}}");

  it("finds each field's column by its exact name", () => {
    expect(bindFields(template, ["city", "phone", "__proto__", "name"])).toEqual({
      ok: true,
      columns: [3, 2, 0],
    });
  });

  it("names every missing field, and the column that may have been meant", () => {
    expect(bindFields(template, ["phone", " Name", "proto"])).toEqual({
      ok: false,
      missing: ["name", "__proto__", "city"],
      reason:
        "The template's field {{name}} is not a column of the file. Did you mean {{Name}}? " +
        "The template's field {{__proto__}} is not a column of the file. Did you mean {{proto}}? " +
        "The template's field {{city}} is not a column of the file.",
    });
  });

  it("does not find a field on an object's prototype", () => {
    expect(bindFields(parsed("{{constructor}}{{length}}{{0}}"), ["phone"])).toMatchObject({
      ok: false,
      missing: ["constructor", "length", "0"],
    });
  });

  it("a template without fields needs no columns", () => {
    expect(bindFields(parsed("Hello"), [])).toEqual({ ok: true, columns: [] });
  });
});
