// The campaigns: a list of all, newest first, whose live ones the stream moves on; of an open one its counts and the
// moves that the key and its state allow.

import { at, duration, element, grouped, percent, tell, time, words } from "./dashboard-text.js";

const PAGE_ROWS = 20;
const OPEN_STATES = ["scheduled", "queued", "sending"];
/** State -> its colour in the bar, and what it means; in the order of the table. */
const STATES = {
  scheduled: ["waiting", "waits for its time"],
  queued: ["waiting", "waits for its turn"],
  sending: ["sending", "being handed to the provider"],
  accepted: ["accepted", "taken by the provider, no final report yet"],
  delivered: ["delivered", "on the phone, the provider reports"],
  undelivered: ["failed", "could not be delivered, the provider reports"],
  rejected: ["failed", "refused by the provider"],
  failed: ["failed", "not sent after all tries"],
  unknown: ["unknown", "may have been sent; nobody knows yet"],
  suppressed: ["skipped", "the person opted out"],
  expired: ["skipped", "its time was over before it was sent"],
  cancelled: ["skipped", "taken back before it was sent"],
};
/** From left to right: what has an end, then what is under way. */
const COLOURS = ["delivered", "accepted", "unknown", "failed", "skipped", "sending", "waiting"];
/** States that a campaign leaves by itself or by a person. */
const MOVING = ["scheduled", "running", "paused"];
const VERBS = {
  pause: ["running", "scheduled"],
  resume: ["paused"],
  cancel: ["running", "scheduled", "paused"],
};

/** For one session: nothing is shown of an answer that comes after its end. */
export function createCampaigns({ client, signal, attempt }) {
  const rows = new Map();
  let next;

  /** The first page; again after each interruption, when what it does not hold may have moved on as well. */
  async function load() {
    const listed = await show(`limit=${PAGE_ROWS}`, (cursor) => (next === undefined ? cursor : next));
    const unseen = [...rows.values()].filter(
      ({ data }) => !listed.has(data.id) && MOVING.includes(data.state),
    );
    for (const row of unseen) await refresh(row);
  }

  async function show(query, nextOf) {
    const page = await client.get(`v1/campaigns?${query}`);
    if (signal.aborted) return new Set();
    for (const campaign of page.data) update(campaign);
    next = nextOf(page.next);
    at("more").hidden = next === null;
    at("none").hidden = rows.size > 0;
    return new Set(page.data.map(({ id }) => id));
  }

  /** The stream knows how far a campaign is, and not its name. */
  function hear(data) {
    const row = update(data);
    row.heard += 1;
    if (row.data.name !== undefined || row.isAsked) return;
    row.isAsked = true;
    refresh(row).catch(() => {
      row.isAsked = false;
    });
  }

  /** All of one campaign. What the stream tells meanwhile is newer than this answer. */
  async function refresh(row) {
    const { heard } = row;
    try {
      const { state, counts, rate, total, ...rest } = await client.get(`v1/campaigns/${row.data.id}`);
      if (!signal.aborted) update(row.heard === heard ? { ...rest, state, counts, rate, total } : rest);
    } catch (error) {
      if (error.status !== 404) throw error;
      row.item.remove();
      rows.delete(row.data.id);
    }
  }

  function update(data) {
    const row = rows.get(data.id) ?? addRow(data.id);
    const before = row.data.state;
    Object.assign(row.data, data);
    const { state } = row.data;
    if (before !== undefined && before !== state) tell(`Campaign ${nameOf(row)}: ${words(state)}.`);
    render(row, client.may("campaigns:write"));
    return row;
  }

  /** At its place: ids grow with time. */
  function addRow(id) {
    const item = at("campaign").content.firstElementChild.cloneNode(true);
    const part = (selector) => item.querySelector(selector);
    const row = { item, part, data: { id }, heard: 0, isAsked: false };
    part(".bar").append(...COLOURS.map((className) => element("span", { className })));
    part(".detail").id = `campaign-${id}`;
    part(".name").setAttribute("aria-controls", `campaign-${id}`);
    part(".name").addEventListener("click", () => toggle(row));
    for (const button of item.querySelectorAll("[data-verb]")) {
      button.addEventListener("click", () => act(row, button));
    }
    const [olderId] = [...rows.keys()]
      .filter((other) => other < id)
      .sort()
      .reverse();
    at("campaigns").insertBefore(item, rows.get(olderId)?.item ?? null);
    at("none").hidden = true;
    rows.set(id, row);
    return row;
  }

  function toggle(row) {
    const { part } = row;
    const isOpen = part(".detail").hidden;
    part(".detail").hidden = !isOpen;
    part(".name").setAttribute("aria-expanded", String(isOpen));
    if (isOpen) attempt(part(".name"), part(".problem"), () => refresh(row));
  }

  async function act(row, button) {
    const { verb } = button.dataset;
    if (verb === "cancel" && !(await confirmCancel(row))) return;
    await attempt(button, row.part(".problem"), async () => {
      await client.post(`v1/campaigns/${row.data.id}/${verb}`);
      await refresh(row);
    });
    // The button may be gone, with the state that allowed it.
    if (button.hidden && !signal.aborted) row.part(".name").focus();
  }

  return {
    load,
    hear,
    more: () => show(`limit=${PAGE_ROWS}&cursor=${encodeURIComponent(next)}`, (cursor) => cursor),
  };
}

const nameOf = ({ data }) => data.name ?? data.id;

function confirmCancel(row) {
  const dialog = at("confirm");
  const { promise, resolve } = Promise.withResolvers();
  at("confirm-text").textContent =
    `Nothing more of “${nameOf(row)}” will be sent. What has left stays sent; it cannot be started again.`;
  dialog.returnValue = "no";
  dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  dialog.showModal();
  return promise;
}

function render({ item, part, data }, mayWrite) {
  const { state, counts } = data;
  part(".name").textContent = nameOf({ data });
  part(".state").textContent = words(state);
  part(".state").dataset.state = state;
  part(".numbers").textContent = numbersOf(data);
  const sums = sumByColour(counts ?? {});
  for (const segment of part(".bar").children) segment.style.flexGrow = sums[segment.className] ?? 0;
  part(".bar").hidden = counts === undefined || data.total === 0;
  part(".bar").setAttribute("aria-label", `Progress of ${nameOf({ data })}`);
  part(".bar").setAttribute("aria-valuenow", Math.floor((doneOf(data) * 100) / (data.total || 1)));
  part(".bar").setAttribute("aria-valuetext", numbersOf(data));
  part(".facts").textContent = factsOf(data).join(" · ");
  part("blockquote").textContent = data.template ?? "";
  for (const button of item.querySelectorAll("[data-verb]")) {
    button.hidden = !mayWrite || !VERBS[button.dataset.verb].includes(state);
  }
  renderCounts(part("table"), data);
}

const doneOf = ({ counts, total }) =>
  counts === undefined ? 0 : total - OPEN_STATES.reduce((sum, state) => sum + (counts[state] ?? 0), 0);

function sumByColour(counts) {
  const sums = {};
  for (const [state, count] of Object.entries(counts)) {
    const [colour] = STATES[state];
    sums[colour] = (sums[colour] ?? 0) + count;
  }
  return sums;
}

function numbersOf(data) {
  const { state, counts, rate, total } = data;
  if (state === "draft") return "Not started; nothing is counted yet.";
  if (counts === undefined) return `${grouped(total)} messages`;
  const done = doneOf(data);
  const texts = [`${grouped(done)} of ${grouped(total)} done, ${percent(done, total)}`];
  if (state === "running" && done < total) {
    texts.push(rate === null ? "rate not known yet" : `${grouped(rate < 10 ? rate : Math.round(rate))}/s`);
    if (rate > 0) texts.push(`about ${duration((total - done) / rate)} left`);
  }
  return texts.join(" · ");
}

function factsOf({ state, reason, class: kind, from, account, createdAt, startAt, startedAt, finishedAt }) {
  if (createdAt === undefined) return [];
  return [
    reason ? `${words(state)}: ${words(reason)}` : null,
    kind,
    from === null ? null : `from ${from}`,
    account === null ? null : `account ${account}`,
    `created ${time(createdAt)}`,
    startAt === null || startedAt !== null ? null : `starts ${time(startAt)}`,
    startedAt === null ? null : `started ${time(startedAt)}`,
    finishedAt === null ? null : `ended ${time(finishedAt)}`,
  ].filter((fact) => fact !== null);
}

function renderCounts(table, { counts, total }) {
  const shown = Object.keys(STATES).filter((state) => counts?.[state] > 0);
  table.hidden = shown.length === 0;
  table.tBodies[0].replaceChildren(
    ...shown.map((state) => {
      const [className, meaning] = STATES[state];
      const swatch = element("span", { className: `swatch ${className}` });
      const name = element("th", { scope: "row" }, swatch, state, element("small", {}, meaning));
      const cells = [grouped(counts[state]), percent(counts[state], total)];
      return element("tr", {}, name, ...cells.map((text) => element("td", {}, text)));
    }),
  );
}
