// The text of volley.yaml -> a plain tree with ${NAME} and ${NAME:-default} filled in from the environment.
//
// Variables are taken out of the text before YAML reads it and put in again afterwards: no value can turn into
// YAML, whatever it holds, and `{ secret: ${NAME} }` means what it looks like. What is wrong with the text is
// told by line and in our words, because the parser's own quote the text, which may be a secret.

import { type ErrorCode, parseDocument } from "yaml";

export type Environment = Readonly<Record<string, string | undefined>>;
/** `path` is "" for what concerns the file as a whole. */
export type Fault = { readonly path: string; readonly message: string };

export type Tree = {
  readonly value: unknown;
  readonly faults: readonly Fault[];
  /** Path -> the variable that its value came from. */
  readonly sources: ReadonlyMap<string, string>;
};

/** Null in `value` with a fault: the text is not YAML. */
export function readTree(source: string, environment: Environment): Tree {
  const variables: Variable[] = [];
  const text = source.replaceAll(VARIABLE, (whole, name: string, fallback: string | undefined) => {
    variables.push({ whole, name, fallback });
    return `${MARK}${variables.length - 1}${MARK}`;
  });
  const parsed = parseYaml(text);
  if (!parsed.ok) return { value: null, faults: [{ path: "", message: parsed.reason }], sources: new Map() };
  const faults: Fault[] = [];
  const sources = new Map<string, string>();
  const value = fillIn(parsed.value, "", { environment, variables, faults, sources });
  return { value: value ?? {}, faults, sources };
}

/** accounts, 1, name -> accounts[1].name. A value that was written where a name belongs may be a secret. */
export function joinPath(parent: string, part: PropertyKey): string {
  if (typeof part === "number") return `${parent}[${part}]`;
  const name = SETTING_FORM.test(String(part)) ? String(part) : "[hidden]";
  return parent === "" ? name : `${parent}.${name}`;
}

type Variable = { readonly whole: string; readonly name: string; readonly fallback: string | undefined };
type Filling = {
  readonly environment: Environment;
  readonly variables: readonly Variable[];
  readonly faults: Fault[];
  readonly sources: Map<string, string>;
};

/** No digits, which most secrets have; but for the one setting that has one, and prefixes of numbers. */
const SETTING_FORM = /^([A-Za-z_][A-Za-z_-]{0,39}|oauth2|\+\d{1,7})$/;
const VARIABLE = /\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}\n]*))?\}/g;
/** A character for private use, which no configuration holds. */
const MARK = "\uE000";
const MARKED = /\uE000(\d+)\uE000/g;
const DEPTH_MAX = 20;
const ALIASES_MAX = 100;

/** Puts variables into every text of the tree. A setting without a value is as good as absent. */
function fillIn(value: unknown, path: string, filling: Filling, depth = 0): unknown {
  if (value === null || depth > DEPTH_MAX) return undefined;
  if (Array.isArray(value)) {
    return value.map((item, index) => fillIn(item, joinPath(path, index), filling, depth + 1));
  }
  if (typeof value === "object") {
    return Object.fromEntries(
      Object.entries(value).map(([marked, item]) => {
        const key = marked.replaceAll(MARKED, (_, at: string) => filling.variables[Number(at)]?.whole ?? "");
        return [key, fillIn(item, joinPath(path, key), filling, depth + 1)];
      }),
    );
  }
  if (typeof value !== "string") return value;
  if (value.includes("${")) {
    filling.faults.push({ path, message: `has a "\${" that is neither \${NAME} nor \${NAME:-default}` });
  }
  return value.replaceAll(MARKED, (_, at: string) =>
    variableValue(filling.variables[Number(at)], path, filling),
  );
}

/** A variable that is set but empty counts as one that is not set. */
function variableValue(variable: Variable | undefined, path: string, filling: Filling): string {
  if (variable === undefined) return "";
  const { name, fallback } = variable;
  filling.sources.set(path, name);
  const found = Object.hasOwn(filling.environment, name) ? filling.environment[name] : undefined;
  if (found !== undefined && found !== "") return found;
  if (fallback !== undefined) return fallback;
  filling.faults.push({ path, message: `environment variable ${name} is not set` });
  return "";
}

type YamlReading =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly reason: string };

/** One fault at a time: what follows a first fault of syntax is mostly its echo. */
function parseYaml(text: string): YamlReading {
  try {
    const document = parseDocument(text, { logLevel: "error" });
    const [fault] = [...document.errors, ...document.warnings];
    if (fault !== undefined) {
      const line = fault.linePos?.[0].line;
      const reason = yamlFaults[fault.code] ?? "cannot be read as YAML";
      return { ok: false, reason: line === undefined ? reason : `line ${line} ${reason}` };
    }
    return { ok: true, value: document.toJS({ maxAliasCount: ALIASES_MAX }) };
  } catch {
    return { ok: false, reason: "cannot be read as YAML: its aliases repeat too much" };
  }
}

const yamlFaults: { readonly [_ in ErrorCode]?: string } = {
  BAD_INDENT: "is indented wrongly, or a bracket before it is not closed",
  TAB_AS_INDENT: "is indented with a tab; YAML takes spaces only",
  DUPLICATE_KEY: "repeats a setting that stands above",
  MULTIPLE_DOCS: 'begins a second document ("---")',
  TAG_RESOLVE_FAILED: "has a tag that is not known here",
  BAD_SCALAR_START: 'begins a value with a character that needs quotes, such as "@" or "`"',
  BLOCK_AS_IMPLICIT_KEY: 'has a second ":" in one line; put the value into quotes',
  RESOURCE_EXHAUSTION: "is nested too deep",
  MISSING_CHAR: "lacks a quote, a bracket, a colon or a comma",
};
