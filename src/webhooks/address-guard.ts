// [8] What can be told of a webhook's URL from its text alone, so that a customer learns of it while typing.
//
// The text is read by the URL parser that the delivery uses, so 127.1, 0x7f000001, 2130706433 and their kin are
// judged as the address they mean. What a name resolves to is known only when it is connected to: the guarded
// client asks the same address filter then.

import { isIP } from "node:net";
import { createAddressFilter } from "./address-filter.ts";

const URL_CHARACTERS_MAX = 2_048;
const HTTPS_PORT = 443;
/** Below it, all ports but 443 belong to other protocols (mail, SSH), and a webhook to one is an attack on it. */
const OPEN_PORT_MIN = 1_024;
/** URL parsers drop tabs and line ends and turn a backslash into a slash; nobody writes these on purpose. */
const SURPRISES = /[\p{Cc}\p{Cf}\p{Z}\\]/u;
/** Names that never mean a public host: RFC 6761, RFC 6762, RFC 8375, and ICANN's resolution of 2024-07-29. */
const PRIVATE_NAME = /(^|\.)(localhost|local|internal|home\.arpa)$/;

export type WebhookUrlFault =
  | "malformed"
  | "too-long"
  | "not-https"
  | "credentials"
  | "fragment"
  | "port"
  | "private-name"
  | "private-address";

export type WebhookUrlCheck =
  /** `url` is in the parser's own spelling, which is the one to store. */
  { readonly ok: true; readonly url: string } | { readonly ok: false; readonly reason: WebhookUrlFault };

/** `development` lets a receiver on the developer's own machine be reached, without https. */
export function checkWebhookUrl(text: string, options: { readonly development: boolean }): WebhookUrlCheck {
  if (text.length > URL_CHARACTERS_MAX) return { ok: false, reason: "too-long" };
  const url = SURPRISES.test(text) || !text.isWellFormed() ? null : URL.parse(text);
  if (url === null || url.hostname === "") return { ok: false, reason: "malformed" };
  const reason = findFault(url, options.development);
  return reason === null ? { ok: true, url: url.href } : { ok: false, reason };
}

function findFault(url: URL, development: boolean): WebhookUrlFault | null {
  const isHttp = url.protocol === "http:" && development;
  if (url.protocol !== "https:" && !isHttp) return "not-https";
  if (url.username !== "" || url.password !== "") return "credentials";
  if (url.href.includes("#")) return "fragment";
  const isPortOpen = development ? url.port !== "0" : isOpenPort(url.port);
  if (!isPortOpen) return "port";
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  if (isIP(host) !== 0) {
    const isAllowed = createAddressFilter({ allowPrivate: development });
    return isAllowed(host) ? null : "private-address";
  }
  return development || !isPrivateName(host.replace(/\.$/, "")) ? null : "private-name";
}

/** The parser leaves a scheme's own port out. */
function isOpenPort(text: string): boolean {
  const port = text === "" ? HTTPS_PORT : Number(text);
  return port === HTTPS_PORT || port >= OPEN_PORT_MIN;
}

/** A name of one word is a neighbour in the same network: `redis`, `postgres`, `metadata`. */
function isPrivateName(host: string): boolean {
  return !host.includes(".") || PRIVATE_NAME.test(host);
}
