// Asks /v1 with the key of whoever looks: single calls, and the stream, which it keeps open. It shows nothing.
//
//   connecting --first bytes--> live --ended, broken, silent--> away --wait--> connecting        401, 403: it gives up
//
// EventSource cannot send a key but in the address, where logs would keep it; so the stream is read by fetch.

const REQUEST_MS_MAX = 20_000;
/** The server says something every 15 s; a connection that is silent for longer is dead. */
const SILENCE_MS_MAX = 40_000;
const WAIT_MS_MIN = 1_000;
const WAIT_MS_MAX = 30_000;
/** One event is some hundred characters. */
const EVENT_CHARACTERS_MAX = 1_000_000;
const KEY_FORM = /^vk_[\w-]{43}$/;

export function looksLikeKey(text) {
  return KEY_FORM.test(text);
}

export function createClient(key) {
  let scopes = [];

  /** Refusals are thrown in the API's own words, with their status; 0: there was no answer. */
  async function ask(path, method, signal) {
    const init = { method, signal, credentials: "omit", cache: "no-store", redirect: "error" };
    const headers = { authorization: `Bearer ${key}` };
    const reply = await fetch(path, { ...init, headers }).catch(() => {
      throw refusal("Volley does not answer.", 0);
    });
    scopes = reply.headers.get("volley-scopes")?.split(" ") ?? scopes;
    if (reply.ok) return reply;
    const problem = await reply.json().catch(() => ({}));
    const words = [problem.detail ?? problem.title ?? `Volley answered ${reply.status}.`];
    for (const { message } of problem.errors ?? []) words.push(message);
    throw refusal(words.join(" "), reply.status, Number(reply.headers.get("retry-after") ?? 0) * 1000);
  }

  const call = async (path, method) =>
    (await ask(path, method, AbortSignal.timeout(REQUEST_MS_MAX))).json().catch(() => {
      throw refusal("Volley's answer broke off.", 0);
    });

  /** Looks at everything once by `before`, then hears what changes; so nothing that it loads is newer than an event. */
  async function connect({ signal, before, onEvent, onLive }) {
    const dead = new AbortController();
    const giveUp = () => dead.abort();
    let timer = setTimeout(giveUp, SILENCE_MS_MAX);
    try {
      await before();
      const reply = await ask("v1/stream", "GET", AbortSignal.any([signal, dead.signal]));
      onLive();
      await readEvents(reply.body, onEvent, () => {
        clearTimeout(timer);
        timer = setTimeout(giveUp, SILENCE_MS_MAX);
      });
    } finally {
      clearTimeout(timer);
    }
  }

  /** Until `signal` ends it, or the key may not listen (any more): then it throws. */
  async function follow({ signal, onAway, ...listener }) {
    const onLive = () => {
      failures = 0;
      listener.onLive();
    };
    let failures = 0;
    while (!signal.aborted) {
      let why = "The stream ended, as it does every few minutes.";
      let waitMs = WAIT_MS_MIN;
      try {
        await connect({ ...listener, signal, onLive });
      } catch (error) {
        if (![0, 429].includes(error.status) && !(error.status >= 500)) throw error;
        why = error.message;
        waitMs = Math.max(error.waitMs, Math.min(WAIT_MS_MAX, WAIT_MS_MIN * 2 ** failures));
      }
      if (signal.aborted) return;
      failures += 1;
      // Not all tabs in the same moment, after a restart of the server.
      waitMs *= 1 + Math.random() / 2;
      onAway(why, waitMs);
      await new Promise((resolve) => {
        setTimeout(resolve, waitMs);
        signal.addEventListener("abort", resolve, { once: true });
      });
    }
  }

  return {
    may: (scope) => scopes.includes(scope) || scopes.includes("admin"),
    get: (path) => call(path, "GET"),
    post: (path) => call(path, "POST"),
    follow,
  };
}

async function readEvents(body, onEvent, onBytes) {
  const decoder = new TextDecoder();
  const reader = body.getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read().catch(() => {
      throw refusal("The connection broke.", 0);
    });
    if (done) return;
    onBytes();
    const blocks = (text + decoder.decode(value, { stream: true })).split("\n\n");
    text = blocks.pop();
    if (text.length > EVENT_CHARACTERS_MAX) throw refusal("The stream cannot be read.", 0);
    for (const block of blocks) {
      const [, kind, data] = /^event: (\w+)\ndata: (.*)$/.exec(block) ?? [];
      if (kind !== undefined) onEvent(kind, JSON.parse(data));
    }
  }
}

function refusal(message, status, waitMs = 0) {
  return Object.assign(new Error(message), { status, waitMs });
}
