// Finds messages, by a person's number or by an id, and shows what became of them.

import { at, element, time, words } from "./dashboard-text.js";

const FOUND_MAX = 20;
const ID_FORM = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export async function findMessages({ client, signal }, wanted) {
  at("found").replaceChildren();
  at("found-note").textContent = "";
  const { data, next } = ID_FORM.test(wanted)
    ? { data: [await client.get(`v1/messages/${wanted}`)], next: null }
    : await client.get(`v1/messages?limit=${FOUND_MAX}&to=${encodeURIComponent(wanted)}`);
  if (signal.aborted) return;
  at("found").append(...data.map(messageItem));
  const found = data.length === 0 ? "No message to this number." : `Messages: ${data.length}, newest first.`;
  at("found-note").textContent = next === null ? found : `${found} There are more.`;
}

function messageItem({ id, to, state, reason, account, changedAt }) {
  const label = element("span", { className: "state" }, words(state));
  label.dataset.state = state;
  const facts = [reason && words(reason), `account ${account}`, time(changedAt), id]
    .filter(Boolean)
    .join(" · ");
  return element("li", {}, element("strong", {}, to), label, element("p", { className: "quiet" }, facts));
}
