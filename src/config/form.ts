// The form of volley.yaml: which settings there are, what they may hold, and what they are when absent.

import { z } from "zod";
import { messageClasses } from "../domain/message.ts";
import { OTHER_NUMBERS, toMicros } from "../domain/price.ts";
import { logLevels } from "../platform/log.ts";
import { parseRedisUrl, type RedisAddress } from "../platform/redis-url.ts";
import { providerNames, providers } from "../providers/index.ts";
import type { Login, Provider } from "../providers/provider.ts";
import { issueText } from "./fault-text.ts";

/** Of numbers. */
const PREFIX_FORM = /^\+\d{1,14}$/;
const NAME_FORM = /^[a-z0-9][a-z0-9-]{0,39}$/;

const name = z
  .string()
  .regex(NAME_FORM, "must be 1 to 40 lower-case letters, digits and dashes, such as main-sinch");

/** A name of the right form may be repeated in a fault. */
export function isAccountName(value: unknown): value is string {
  return typeof value === "string" && NAME_FORM.test(value);
}

const url = (...protocols: string[]) =>
  z
    .string()
    .refine(
      (text) => protocols.includes(URL.parse(text)?.protocol.slice(0, -1) ?? ""),
      `must be a URL that starts with ${protocols.map((protocol) => `${protocol}://`).join(" or ")}`,
    );
/** Addresses are shown in logs and errors, so a password has no place in one. */
const webUrl = url("http", "https").refine((text) => {
  const parsed = URL.parse(text);
  return parsed === null || (parsed.username === "" && parsed.password === "");
}, "must not hold a user or a password");

/** A variable's value arrives as text: "20" counts as 20. */
const number = (check: z.ZodNumber) =>
  z.preprocess(
    (value) => (typeof value === "string" && /^\d+(\.\d+)?$/.test(value) ? Number(value) : value),
    check,
  );
const yesOrNo = z.preprocess(
  (value) => (value === "true" ? true : value === "false" ? false : value),
  z.boolean("must be true or false"),
);
const count = (max: number) => number(z.number().int().min(1).max(max));
const seconds = (max: number) => number(z.number().min(0.05).max(max));
const perSecond = number(z.number().min(0.01).max(1_000_000));

/** Comes out in millionths. */
const money = (min: number, max: number) =>
  number(z.number().min(min).max(max)).transform((amount, context): number => {
    const micros = toMicros(amount);
    if (micros !== null) return micros;
    context.addIssue({ code: "custom", message: "must have at most six decimals" });
    return z.NEVER;
  });
const PRICE_MAX = 1_000;
const AMOUNT_MAX = 100_000_000;
const PRICES_MAX = 1_000;
const priceForm = z
  .record(z.string(), money(0, PRICE_MAX))
  .refine((prices) => Object.keys(prices).every((key) => key === OTHER_NUMBERS || PREFIX_FORM.test(key)), {
    error: 'must hold prices of a segment by prefix such as "+46", in quotes, and of "default"',
  })
  .refine((prices) => Object.keys(prices).length <= PRICES_MAX, `must have at most ${PRICES_MAX} prices`);

const secret = z
  .string()
  .min(1)
  .max(4096)
  .regex(/^\P{Cc}*$/u, "must not hold a line break or another control character");

const unknownForm = z.strictObject({
  lookUpAfterSeconds: z
    .array(seconds(86_400))
    .min(1)
    .max(10)
    .refine((times) => times.every((time, at) => at === 0 || time > (times[at - 1] ?? 0)), {
      error: "must grow from entry to entry: each is counted from the same moment",
    })
    .optional(),
  resendTransactionalAfterSeconds: seconds(604_800).optional(),
});

const accountCommon = {
  name,
  baseUrl: webUrl.optional(),
  tokenUrl: webUrl.optional(),
  from: z.string().min(1).max(20).optional(),
  limits: z
    .strictObject({
      requestsPerSecond: perSecond.optional(),
      segmentsPerSecond: perSecond.optional(),
      inFlight: count(2000).default(50),
      messagesPerDay: count(1_000_000_000).optional(),
      costPerDay: money(0.01, AMOUNT_MAX).optional(),
    })
    .prefault({}),
  prices: priceForm.optional(),
  reports: z
    .strictObject({
      secret: z
        .string()
        .regex(/^[\w-]{16,128}$/, "must be 16 to 128 letters, digits, - and _ (openssl rand -hex 24)"),
      hmacSecret: secret.optional(),
      basic: z
        .strictObject({
          user: secret.regex(/^[^:]*$/, "must not hold a colon, which ends it in HTTP Basic"),
          password: secret,
        })
        .optional(),
      oauth2: z.strictObject({ clientId: secret, clientSecret: secret }).optional(),
      overdueAfterSeconds: seconds(604_800).default(86_400),
    })
    // Both would stand in the one Authorization header that a request has.
    .refine(({ basic, oauth2 }) => basic === undefined || oauth2 === undefined, {
      error: "holds both basic and oauth2; a provider sends one of them",
    })
    .optional(),
  unknown: unknownForm.optional(),
};

/** Text or a tree whose form depends on what it holds: `form` says what is wrong, path by path. */
function parseBy<T>(form: z.ZodType<T>, value: unknown, context: z.RefinementCtx): T {
  const parsed = form.safeParse(value, { error: issueText });
  if (parsed.success) return parsed.data;
  for (const issue of parsed.error.issues) context.addIssue({ ...issue });
  return z.NEVER;
}

/** The sets of credentials that the provider takes, of which an account holds one. */
function credentialsOf({ logins }: Provider): z.ZodType<Readonly<Record<string, string>>> {
  const forms = logins.map(loginForm);
  const names = logins.map(({ credentials }) => listOf(credentials)).join(", or ");
  // Checked against the login that was meant, so that a fault names the setting which is wrong.
  return z.record(z.string(), z.unknown()).transform((settings, context) => {
    const given = Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
    const meant = forms.filter((_, at) => logins[at]?.credentials.some((key) => Object.hasOwn(given, key)));
    const [form] = logins.length === 1 ? forms : meant;
    if (form === undefined || meant.length > 1) {
      const message = form === undefined ? `must hold ${names}` : `holds two logins; keep one: ${names}`;
      context.addIssue({ code: "custom", message });
      return z.NEVER;
    }
    return parseBy(form, given, context) as Readonly<Record<string, string>>;
  });
}

function loginForm({ credentials, regions }: Login): z.ZodObject {
  const secrets = Object.fromEntries(credentials.map((name) => [name, secret]));
  if (regions === undefined) return z.strictObject(secrets);
  const error = `must be one of ${regions.join(", ")} with ${listOf(credentials)}`;
  return z.strictObject({ ...secrets, region: z.enum(regions, { error }).default(regions[0]) });
}

/** "projectId, keyId and keySecret" */
function listOf(names: readonly string[]): string {
  return names.join(", ").replace(/, ([^,]*)$/, " and $1");
}

const accountForms = providerNames.map((provider) =>
  z.strictObject({
    ...accountCommon,
    provider: z.literal(provider),
    credentials: credentialsOf(providers[provider]),
    // Where each customer has a host of his own there is no other to fall back to.
    baseUrl: providers[provider].facts.hasOwnHost ? webUrl : webUrl.optional(),
  }),
);
type AccountForm = (typeof accountForms)[number];
const accountForm = z.discriminatedUnion("provider", accountForms as [AccountForm, ...AccountForm[]]);

const ROUTE_ACCOUNT_RULE = "must be an account's name, or { name, weight }";
const routeAccountForm = z.strictObject(
  {
    name,
    weight: number(
      z.number().int().min(1, "must be at least 1; without a weight the account stands by").max(1000),
    ).optional(),
  },
  { error: (issue) => (issue.code === "invalid_type" ? ROUTE_ACCOUNT_RULE : undefined) },
);
const routeAccount = z
  .unknown()
  .transform(
    (given, context): z.infer<typeof routeAccountForm> =>
      typeof given === "string"
        ? { name: parseBy(name, given, context) }
        : parseBy(routeAccountForm, given, context),
  );

const PREFIX_RULE = 'must be a prefix such as "+46", in quotes';
const routeForm = z.strictObject({
  class: z.enum(messageClasses).optional(),
  prefix: z
    .union([z.string(), z.array(z.string(PREFIX_RULE))], { error: `${PREFIX_RULE}, or a list of them` })
    .transform((one) => (typeof one === "string" ? [one] : one))
    .pipe(z.array(z.string().regex(PREFIX_FORM, PREFIX_RULE)))
    .default([]),
  accounts: z.array(routeAccount).min(1).max(20),
});

const clockTime = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'must be a time such as "21:00"');

const redisForm = z.string().transform((text, context): RedisAddress => {
  const reading = parseRedisUrl(text);
  if (reading.ok) return reading.address;
  context.addIssue({ code: "custom", message: reading.reason });
  return z.NEVER;
});

export const fileForm = z.strictObject({
  database: url("postgres", "postgresql").optional(),
  redis: redisForm.optional(),
  dataDir: z.string().min(1).default(".volley"),
  server: z
    .strictObject({
      host: z.string().min(1).default("127.0.0.1"),
      port: number(z.number().int().min(0).max(65_535)).default(8080),
      // The whole address of a report door may have 2048 characters, by what Sinch takes.
      publicUrl: webUrl
        .max(1024)
        .refine((text) => !/[?#]/.test(text), "must not hold a ? or a #: paths are added to it")
        .optional(),
    })
    .prefault({}),
  encryptionKey: z
    .string()
    .regex(/^[A-Za-z0-9+/]{43}=?$/, "must be 32 bytes in base64 (openssl rand -base64 32)")
    .optional(),
  accounts: z.array(accountForm).max(100).default([]),
  routes: z.array(routeForm).max(1000).default([]),
  quietHours: z
    .strictObject({ from: clockTime, to: clockTime, classes: z.array(z.enum(messageClasses)).min(1) })
    .refine(({ from, to }) => from !== to, {
      path: ["to"],
      error: "must differ from quietHours.from, or no hour would be left",
    })
    .optional(),
  currency: z
    .string()
    .regex(/^[A-Z]{3}$/, "must be three capitals such as EUR")
    .optional(),
  caps: z
    .strictObject({
      campaignMessages: count(1_000_000_000).optional(),
      campaignCost: money(0.01, AMOUNT_MAX).optional(),
    })
    .prefault({}),
  optOuts: z
    .strictObject({
      // Marketing after an opt-out is against the law nearly everywhere.
      exempt: z.array(z.enum(["transactional", "reminder"])).default([]),
    })
    .prefault({}),
  webhooks: z.strictObject({ allowPrivateAddresses: yesOrNo.default(false) }).prefault({}),
  retention: z
    .strictObject({ messagesDays: count(36_500).optional(), bodiesDays: count(36_500).optional() })
    .prefault({}),
  token: z.strictObject({ refreshEverySeconds: count(86_400).default(300) }).prefault({}),
  retry: z
    .strictObject({
      retries: number(z.number().int().min(0).max(3)).default(3),
      baseMs: count(3_600_000).default(1000),
      capMs: count(3_600_000).default(60_000),
    })
    .refine(({ baseMs, capMs }) => baseMs <= capMs, {
      path: ["capMs"],
      error: "must not be smaller than retry.baseMs",
    })
    .prefault({}),
  unknown: unknownForm.prefault({}),
  log: z.enum(logLevels).default("info"),
});
export type FileForm = z.infer<typeof fileForm>;
