// The shape of the body of POST /sms/3/messages, field by field, as Infobip's OpenAPI document gives it (version
// 3.210.0, read 2026-11-22). Whatever does not fit becomes a violation that names its property.
//
// ASSUMED: fields that the document does not name are refused, and so are the wrong types; the document lists
// bounds and required fields only. The words of the violations are a guess but for `must not be null`.

import { isJsonObject } from "./json-body.ts";

export type Violation = { readonly property: string; readonly violation: string };

/** Adds what is wrong with a value; `property` is its path from the top. */
type Check = (value: unknown, property: string, found: Violation[]) => void;

const CALLBACK_DATA_CHARACTERS_MAX = 4000;
const CAMPAIGN_REFERENCE_CHARACTERS_MAX = 255;
const BULK_ID_CHARACTERS_MAX = 100;
const TO_CHARACTERS_MAX = 64;
const URL_CHARACTERS_MAX = 2048;
const TEXT_CHARACTERS_MAX = 100_000;
const VALIDITY_HOURS_MAX = 48;

const HOURS_IN: Readonly<Record<string, number>> = {
  MILLISECONDS: 1 / 3_600_000,
  SECONDS: 1 / 3600,
  MINUTES: 1 / 60,
  HOURS: 1,
  DAYS: 24,
};
const SPEED_UNITS = ["MINUTE", "HOUR", "DAY"];
const DAYS = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"];
const ISO_DATE = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:?\d{2})$/;

const say = (found: Violation[], property: string, violation: string) => found.push({ property, violation });

function text(charactersMax: number): Check {
  return (value, property, found) => {
    if (typeof value !== "string") say(found, property, "must be a string");
    else if (value.length > charactersMax)
      say(found, property, `size must be between 0 and ${charactersMax}`);
  };
}

function whole(min: number, max: number): Check {
  return (value, property, found) => {
    const fits = typeof value === "number" && Number.isInteger(value) && value >= min && value <= max;
    if (!fits) say(found, property, `must be a whole number between ${min} and ${max}`);
  };
}

function oneOf(words: readonly string[]): Check {
  return (value, property, found) => {
    if (typeof value !== "string" || !words.includes(value)) {
      say(found, property, `must be one of ${words.join(", ")}`);
    }
  };
}

function list(check: Check): Check {
  return (value, property, found) => {
    if (!Array.isArray(value)) say(found, property, "must be an array");
    else if (value.length === 0) say(found, property, "must not be empty");
    else value.forEach((entry: unknown, index) => void check(entry, `${property}[${index}]`, found));
  };
}

function object(fields: Readonly<Record<string, Check>>, required: readonly string[] = []): Check {
  return (value, property, found) => {
    if (!isJsonObject(value)) {
      say(found, property, "must be an object");
      return;
    }
    const at = (name: string) => (property === "" ? name : `${property}.${name}`);
    for (const name of required) {
      if (value[name] === undefined || value[name] === null) say(found, at(name), "must not be null");
    }
    for (const name in value) {
      const check = Object.hasOwn(fields, name) ? fields[name] : undefined;
      if (check === undefined) say(found, at(name), "unknown property");
      else if (value[name] !== null) check(value[name], at(name), found);
    }
  };
}

const flag: Check = (value, property, found) => {
  if (typeof value !== "boolean") say(found, property, "must be a boolean");
};

const date: Check = (value, property, found) => {
  const isDate = typeof value === "string" && ISO_DATE.test(value);
  if (!isDate) say(found, property, "must be a date such as 2026-01-01T00:00:00.000+0000");
};

const url: Check = (value, property, found) => {
  const isWeb = typeof value === "string" && value.length <= URL_CHARACTERS_MAX && URL.canParse(value);
  if (!isWeb || !/^https?:/i.test(String(value))) say(found, property, "must be a valid URL");
};

const anyObject: Check = (value, property, found) => {
  if (!isJsonObject(value)) say(found, property, "must be an object");
};

const clockTime = object({ hour: whole(0, 23), minute: whole(0, 59) }, ["hour", "minute"]);

const validityPeriod: Check = (value, property, found) => {
  const before = found.length;
  object({ amount: whole(1, 1_000_000_000), timeUnit: oneOf(Object.keys(HOURS_IN)) }, ["amount"])(
    value,
    property,
    found,
  );
  if (found.length > before || !isJsonObject(value)) return;
  const hours = Number(value.amount) * (HOURS_IN[String(value.timeUnit ?? "MINUTES")] ?? 1);
  if (hours > VALIDITY_HOURS_MAX) say(found, property, `must not exceed ${VALIDITY_HOURS_MAX} hours`);
};

const contentFields = object({
  text: text(TEXT_CHARACTERS_MAX),
  transliteration: text(64),
  language: object({ languageCode: text(8), singleShift: flag, lockingShift: flag }),
  hex: text(TEXT_CHARACTERS_MAX),
  dataCoding: whole(0, 255),
  esmClass: whole(0, 255),
});

/** Text or binary. */
const content: Check = (value, property, found) => {
  contentFields(value, property, found);
  if (!isJsonObject(value)) return;
  const has = (name: string) => value[name] !== undefined && value[name] !== null;
  if (!has("text") && !has("hex")) say(found, `${property}.text`, "must not be null");
};

const destination = object(
  { to: text(TO_CHARACTERS_MAX), messageId: text(TEXT_CHARACTERS_MAX), networkId: whole(0, 2 ** 31) },
  ["to"],
);

const message = object(
  {
    sender: text(64),
    destinations: list(destination),
    content,
    options: object({
      platform: object({ entityId: text(255), applicationId: text(255) }),
      validityPeriod,
      deliveryTimeWindow: object({ days: list(oneOf(DAYS)), from: clockTime, to: clockTime }, ["days"]),
      campaignReferenceId: text(CAMPAIGN_REFERENCE_CHARACTERS_MAX),
      regional: anyObject,
      flash: flag,
    }),
    webhooks: object({
      delivery: object({ url, intermediateReport: flag, notify: flag }),
      contentType: oneOf(["application/json", "application/xml"]),
      callbackData: text(CALLBACK_DATA_CHARACTERS_MAX),
    }),
  },
  ["destinations", "content"],
);

export const checkEnvelope = object(
  {
    messages: list(message),
    options: object({
      schedule: object({
        bulkId: text(BULK_ID_CHARACTERS_MAX),
        sendAt: date,
        sendingSpeedLimit: object({ amount: whole(1, 1_000_000_000), timeUnit: oneOf(SPEED_UNITS) }, [
          "amount",
        ]),
      }),
      tracking: object({
        shortenUrl: flag,
        trackClicks: flag,
        trackingUrl: url,
        removeProtocol: flag,
        customDomain: text(255),
      }),
      includeSmsCountInResponse: flag,
      conversionTracking: object({ useConversionTracking: flag, conversionTrackingName: text(255) }),
    }),
  },
  ["messages"],
);
