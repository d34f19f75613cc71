// The dashboard as people see it: in a real browser, on a real server, with real workers where something is to move.
//
// Each page is watched for what must not happen: errors in its console, where violations of its policy stand, too, and
// requests to anybody but the server.

import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { startWorker } from "../jobs/worker.ts";
import type { ApiKeyId, ApiScope } from "../src/domain/api-key.ts";
import type { StreamBounds } from "../src/http/stream.ts";
import { type ApiBench, openApi } from "./http/api-door.ts";
import { CHROMIUM_MS_MAX, startChromium } from "./support/chromium.ts";

const LOOKS_AND_ACTS = ["campaigns:read", "campaigns:write", "messages:read"] as const;
const IN_AN_HOUR = () => new Date(Date.now() + 3_600_000).toISOString();

let api: ApiBench;
let browser: Browser;
let faults: string[] = [];
let closings: (() => Promise<void>)[] = [];
beforeAll(async () => {
  api = await openApi();
  browser = await startChromium();
}, CHROMIUM_MS_MAX);
afterAll(async () => {
  await browser?.close();
  await api?.close();
});
afterEach(async () => {
  for (const close of closings.toReversed()) await close();
  closings = [];
  const seen = faults;
  faults = [];
  expect(seen).toEqual([]);
});

/** `refusals`: statuses that a test means to see; the browser writes each into its console. */
async function openPage({ refusals = [], at = api }: { refusals?: readonly number[]; at?: ApiBench } = {}) {
  const context = await browser.newContext({ viewport: { width: 360, height: 740 } });
  closings.push(() => context.close());
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  page.on("console", (message) => {
    const isMeant = refusals.some((status) => message.text().includes(`status of ${status} `));
    if (["error", "warning"].includes(message.type()) && !isMeant) faults.push(message.text());
  });
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("request", (request) => {
    const { origin, protocol, href } = new URL(request.url());
    if (protocol !== "data:" && origin !== at.url) faults.push(`asked ${origin}`);
    if (href.includes("vk_")) faults.push("a key in an address");
  });
  await page.goto(`${at.url}/`);
  return page;
}

async function enter(page: Page, scopes: readonly ApiScope[] = LOOKS_AND_ACTS, at = api): Promise<ApiKeyId> {
  const { id, key } = await at.createKey(...scopes);
  await page.getByLabel("A key with the scope").fill(key);
  await page.keyboard.press("Enter");
  await says(page, "#connection", "Live");
  return id;
}

/** Waits until the element's text holds the words. */
const says = (page: Page, selector: string, words: string) =>
  page.locator(selector).filter({ hasText: words }).first().waitFor();

async function createCampaign(name: string, { now = 3, later = 0, at = api } = {}): Promise<string> {
  const recipients = Array.from({ length: now + later }, (_, index) => ({
    to: `+467017400${String(index).padStart(2, "0")}`,
    ...(index < now ? {} : { sendAt: IN_AN_HOUR() }),
  }));
  const { status, body } = await at.call("/v1/campaigns", { body: { name, template: "Hi", recipients } });
  expect(status).toBe(201);
  return body.id;
}

async function startCampaign(name: string, people?: { readonly now: number; readonly later: number }) {
  const id = await createCampaign(name, people);
  expect((await api.call(`/v1/campaigns/${id}/start`, { method: "POST" })).status).toBe(200);
  return id;
}

const rowOf = (page: Page, name: string) => page.locator("#campaigns > li").filter({ hasText: name });
const stateOf = async (id: string) => (await api.call(`/v1/campaigns/${id}`)).body.state;

it("shows a running campaign's progress as it moves; pauses, resumes and cancels it by the buttons", async () => {
  const id = await startCampaign("spring", { now: 4, later: 6 });
  const page = await openPage();
  await enter(page);
  const row = rowOf(page, "spring");
  await row.getByText("0 of 10 done, 0 %").waitFor();

  const worker = await startWorker(api.parts);
  closings.push(() => worker.close(5_000));
  await row.getByText("4 of 10 done, 40 %").waitFor();
  const bar = row.getByRole("progressbar");
  expect(await bar.getAttribute("aria-valuenow")).toBe("40");
  const widthOf = async (colour: string) => (await bar.locator(`.${colour}`).boundingBox())?.width ?? 0;
  const whole = (await bar.boundingBox())?.width ?? 0;
  expect(await widthOf("accepted")).toBeCloseTo(whole * 0.4, 0);
  expect(await widthOf("waiting")).toBeCloseTo(whole * 0.6, 0);

  await row.getByRole("button", { name: "spring" }).click();
  await row.getByRole("row", { name: /^accepted.* 4 40 %$/ }).waitFor();
  await row.getByRole("row", { name: /^scheduled.* 6 60 %$/ }).waitFor();

  await row.getByRole("button", { name: "Pause" }).click();
  await row.locator(".state", { hasText: "paused" }).waitFor();
  expect(await stateOf(id)).toBe("paused");
  await says(page, "#news", "Campaign spring: paused.");

  await row.getByRole("button", { name: "Resume" }).click();
  await row.locator(".state", { hasText: "running" }).waitFor();
  expect(await stateOf(id)).toBe("running");

  await row.getByRole("button", { name: "Cancel …" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Keep it" }).click();
  expect(await stateOf(id)).toBe("running");
  await row.getByRole("button", { name: "Cancel …" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Cancel the campaign" }).click();
  await row.getByText("10 of 10 done, 100 %").waitFor();
  expect(await stateOf(id)).toBe("cancelled");
  expect(await row.getByRole("button", { name: /Pause|Resume|Cancel/ }).count()).toBe(0);
});

it("is worked by keys alone", async () => {
  const id = await startCampaign("by keys");
  const page = await openPage();
  await enter(page);
  await rowOf(page, "by keys").waitFor();
  await page.getByRole("button", { name: "by keys" }).focus();
  await page.keyboard.press("Enter");
  await rowOf(page, "by keys").getByRole("button", { name: "Pause" }).waitFor();
  await page.keyboard.press("Tab");
  await page.keyboard.press("Space");
  await rowOf(page, "by keys").locator(".state", { hasText: "paused" }).waitFor();
  expect(await stateOf(id)).toBe("paused");
  // What had the focus is gone with the state; it is not lost.
  await expect.poll(() => page.evaluate("document.activeElement.textContent")).toBe("by keys");
});

it("says in words what is wrong with a key, and keeps none that is", async () => {
  const page = await openPage({ refusals: [401, 403] });
  const tryKey = async (key: string, words: string) => {
    await page.getByLabel("A key with the scope").fill(key);
    await page.getByRole("button", { name: "Open" }).click();
    await says(page, "#login-problem", words);
    expect(await page.evaluate("sessionStorage.length")).toBe(0);
    expect(await page.locator("#main").isVisible()).toBe(false);
  };
  await tryKey("hello", "This is no API key");
  await tryKey(`vk_${"x".repeat(43)}`, "Volley knows no such key");
  await tryKey((await api.createKey("messages:read")).key, "scope campaigns:read");
});

it("keeps the key over a reload, and nothing at all when it is forgotten", async () => {
  await startCampaign("kept");
  const page = await openPage();
  await enter(page);
  await page.reload();
  await says(page, "#connection", "Live");
  await rowOf(page, "kept").waitFor();
  await page.getByRole("button", { name: "Forget the key" }).click();
  await page.getByLabel("A key with the scope").waitFor();
  expect(await page.evaluate("sessionStorage.length + localStorage.length + document.cookie.length")).toBe(0);
  expect(await page.locator("#campaigns > li, #accounts > li").count()).toBe(0);
  await page.reload();
  expect(await page.getByLabel("A key with the scope").inputValue()).toBe("");
});

it("offers a key that may only look nothing to act with, and nobody's messages", async () => {
  await startCampaign("looked at");
  const page = await openPage();
  await enter(page, ["campaigns:read"]);
  await page.getByRole("button", { name: "looked at" }).click();
  await rowOf(page, "looked at")
    .getByRole("row", { name: /^queued/ })
    .waitFor();
  expect(await page.getByRole("button", { name: /Pause|Resume|Cancel/ }).count()).toBe(0);
  expect(await page.locator("#messages").isVisible()).toBe(false);
});

it("tells in the API's words why a move is refused, beside its button", async () => {
  const id = await startCampaign("contested");
  const page = await openPage({ refusals: [409] });
  await enter(page);
  // Somebody else is quicker.
  await page.route("**/pause", async (route) => {
    await api.call(`/v1/campaigns/${id}/cancel`, { method: "POST" });
    await route.continue();
  });
  await page.getByRole("button", { name: "contested" }).click();
  await rowOf(page, "contested").getByRole("button", { name: "Pause" }).click();
  await rowOf(page, "contested").getByText("Cannot pause the campaign: it is cancelled.").waitFor();
});

it("shows names and texts as they are, never as markup", async () => {
  const name = "<img src=x onerror=alert(1)><b>bold</b>";
  await startCampaign(name);
  const page = await openPage();
  await enter(page);
  await page.getByRole("button", { name }).waitFor();
  expect(await page.locator("#main :is(img, b)").count()).toBe(0);
});

it("tells which account is in trouble, and why", async () => {
  const page = await openPage();
  await enter(page);
  const account = page.locator("#accounts > li").filter({ hasText: "fixed" });
  await account.getByText("ok").waitFor();
  await api.parts.ledger.accountHealth.degraded("fixed", "server-error");
  closings.push(async () => void (await api.parts.ledger.accountHealth.recovered("fixed")));
  await account.getByText("degraded").waitFor();
  await account.getByText("server error").waitFor();
  await says(page, "#news", "Account fixed: degraded, server error.");
});

it("finds messages by number and by id", async () => {
  const { body } = await api.call("/v1/messages", { body: { to: "+46701740699", text: "Hello" } });
  const page = await openPage({ refusals: [400] });
  await enter(page);
  for (const wanted of ["+46701740699", body.id]) {
    await page.getByLabel("A phone number").fill(wanted);
    await page.keyboard.press("Enter");
    await page
      .locator("#found > li")
      .filter({ hasText: "+46701740699" })
      .filter({ hasText: body.id })
      .waitFor();
    await says(page, "#found-note", "Messages: 1");
  }
  await page.getByLabel("A phone number").fill("+46701740600");
  await page.keyboard.press("Enter");
  await says(page, "#found-note", "No message to this number.");
  await page.getByLabel("A phone number").fill("nobody");
  await page.keyboard.press("Enter");
  await says(page, "#find-problem", "does not fit");
});

/** A server whose streams end before anybody is tired of waiting. */
async function openShortLived(): Promise<ApiBench> {
  const stream: StreamBounds = { listeners: 9, waitingBytes: 1e6, lifeMs: 1_000 };
  const own = await openApi({ bounds: { stream } });
  closings.push(own.close);
  return own;
}

it("says that the stream has ended, comes back by itself, and has missed nothing", async () => {
  const at = await openShortLived();
  const page = await openPage({ at });
  await enter(page, LOOKS_AND_ACTS, at);
  await says(page, "#connection", "The stream ended, as it does every few minutes. Trying again in");
  await createCampaign("a draft, of which no stream tells", { at });
  await rowOf(page, "a draft").waitFor();
  await says(page, "#connection", "Live");
});

it("asks for another key when this one was revoked", async () => {
  const at = await openShortLived();
  const page = await openPage({ at, refusals: [401] });
  const id = await enter(page, LOOKS_AND_ACTS, at);
  expect(await at.parts.ledger.apiKeys.revoke(id)).toBe(true);
  await says(page, "#login-problem", "was revoked");
  expect(await page.evaluate("sessionStorage.length")).toBe(0);
});

it("lists what the stream does not tell of by pages, the newest first", async () => {
  const at = await openApi();
  closings.push(at.close);
  for (let number = 1; number <= 21; number += 1) await createCampaign(`number ${number}`, { now: 1, at });
  const page = await openPage({ at });
  await enter(page, LOOKS_AND_ACTS, at);
  const names = page.locator("#campaigns .name");
  expect(await names.count()).toBe(20);
  await page.getByRole("button", { name: "More campaigns" }).click();
  await rowOf(page, "number 1").last().waitFor();
  await expect.poll(() => names.count()).toBe(21);
  const expected = Array.from({ length: 21 }, (_, index) => `number ${21 - index}`);
  expect(await names.allTextContents()).toEqual(expected);
  expect(await page.getByRole("button", { name: "More campaigns" }).isVisible()).toBe(false);
});
