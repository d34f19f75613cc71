// The page: a key opens it, the stream keeps it up to date, and forgetting the key empties it.
//
// It asks /v1 as anybody does (dashboard-client.js). The key is in sessionStorage: it survives a reload and goes with
// the tab.

import { createCampaigns } from "./dashboard-campaigns.js";
import { createClient, looksLikeKey } from "./dashboard-client.js";
import { findMessages } from "./dashboard-messages.js";
import { at, element, tell, words } from "./dashboard-text.js";

const KEY = "volley-key";

/** From a key's entry until it is forgotten; null: nobody looks. */
let session = null;

async function open(key) {
  const end = new AbortController();
  const client = createClient(key);
  const base = { client, signal: end.signal, end };
  const campaigns = createCampaigns({ ...base, attempt });
  const accounts = new Map();
  const mine = { ...base, campaigns };
  session = mine;
  connection("connecting", "Connecting …");
  try {
    await client.follow({
      signal: end.signal,
      before: async () => {
        await campaigns.load();
        if (end.signal.aborted) return;
        at("messages").hidden = !client.may("messages:read");
        showMain();
      },
      onEvent: (kind, data) => (kind === "account" ? showAccount(accounts, data) : campaigns.hear(data)),
      onLive: () => connection("live", "Live"),
      onAway: (why, waitMs) => {
        showMain();
        connection("away", `${why} Trying again in ${Math.ceil(waitMs / 1000)} s.`);
      },
    });
  } catch (error) {
    if (session !== mine) return;
    if (error.status === undefined) connection("away", "This page has a fault. Load it again.");
    if (error.status === undefined) throw error;
    forget(refusalOf(error));
  }
}

const refusalOf = ({ status, message }) =>
  status === 401 ? "Volley knows no such key: it is mistyped, or was revoked." : message;

function forget(why) {
  session?.end.abort();
  session = null;
  sessionStorage.removeItem(KEY);
  for (const id of ["accounts", "campaigns", "found"]) at(id).replaceChildren();
  for (const id of ["news", "list-problem", "find-problem", "found-note"]) at(id).textContent = "";
  for (const id of ["main", "forget", "more", "none", "messages"]) at(id).hidden = true;
  connection("", "");
  at("confirm").close("no");
  at("find").reset();
  at("login").hidden = false;
  at("login-problem").textContent = why;
  at("key").focus();
}

function showMain() {
  const isNew = !at("login").hidden;
  at("login").hidden = true;
  at("main").hidden = false;
  at("forget").hidden = false;
  if (isNew) at("campaigns-title").focus();
}

function connection(kind, text) {
  at("connection").dataset.state = kind;
  at("connection").textContent = text;
}

function showAccount(accounts, { name, health, reason }) {
  const before = accounts.get(name);
  const item = before?.item ?? element("li", { className: "card" }, element("strong", {}, name));
  const label = element("span", { className: "state" }, health);
  label.dataset.state = health;
  const why = reason === null ? "" : words(reason);
  item.replaceChildren(item.firstChild, label, element("span", { className: "quiet" }, why));
  if (before === undefined) at("accounts").append(item);
  else if (before.health !== health) tell(`Account ${name}: ${health}${why === "" ? "" : `, ${why}`}.`);
  accounts.set(name, { item, health });
}

/** A button's work, once at a time; what went wrong is told in words beside it. */
async function attempt(button, problem, work) {
  const mine = session;
  if (button.ariaBusy === "true") return;
  button.ariaBusy = "true";
  problem.textContent = "";
  try {
    await work(mine);
  } catch (error) {
    if (session !== mine) return;
    if (error.status === undefined) throw error;
    if (error.status === 401) forget(refusalOf(error));
    else problem.textContent = error.message;
  } finally {
    button.ariaBusy = "false";
  }
}

at("login").addEventListener("submit", (event) => {
  event.preventDefault();
  const key = at("key").value.trim();
  at("login-problem").textContent = looksLikeKey(key)
    ? ""
    : "This is no API key: one is vk_ and 43 letters and digits after it.";
  if (!looksLikeKey(key) || session !== null) return;
  at("key").value = "";
  sessionStorage.setItem(KEY, key);
  void open(key);
});
at("forget").addEventListener("click", () => forget(""));
at("more").addEventListener("click", ({ currentTarget }) =>
  attempt(currentTarget, at("list-problem"), ({ campaigns }) => campaigns.more()),
);
at("find").addEventListener("submit", (event) => {
  event.preventDefault();
  const wanted = at("wanted").value.trim();
  void attempt(event.target, at("find-problem"), (mine) => findMessages(mine, wanted));
});

const stored = sessionStorage.getItem(KEY);
if (stored === null) at("login").hidden = false;
else void open(stored);
