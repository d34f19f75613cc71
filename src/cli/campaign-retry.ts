// `volley campaign retry-failed` and `volley message retry-failed`: what failed is sent again, once.

import { releaseCampaign } from "../../jobs/release-campaign.ts";
import type { MessageState } from "../domain/message.ts";
import { type Retried, type RetryRequest, retryCampaign, retryMessages } from "../intake/retry-failed.ts";
import { campaignId, sendAndWatch, showOne, summaryOf } from "./campaign.ts";
import { readTime } from "./message.ts";
import { grouped, print, printJson, say } from "./output.ts";
import { type GlobalOptions, withParts } from "./run.ts";

export type RetryOptions = GlobalOptions & {
  readonly state?: readonly MessageState[];
  readonly reason?: readonly string[];
  readonly account?: string;
  readonly through?: string;
  readonly since?: string;
  readonly until?: string;
  readonly includeUnknown?: boolean;
  readonly json?: boolean;
};

export async function retryFailedCampaign(
  text: string,
  { wait, ...options }: RetryOptions & { readonly wait?: boolean },
): Promise<void> {
  const of = campaignId(text);
  const request = readRequest(options);
  await withParts(options, async (parts) => {
    const retried = await retryCampaign(parts, of, request, parts.rules);
    const { id } = retried;
    if (id !== null) await releaseCampaign(parts, id);
    if (options.json !== true) {
      if (id !== null) print(id);
      report(retried);
    }
    if (id === null || wait !== true) {
      if (options.json) return printJson(retried);
      if (id === null) return;
      return say(`It is sent by running workers (volley start). Follow it: volley campaign watch ${id}`);
    }
    await sendAndWatch(parts, id);
    if (options.json) printJson({ ...retried, ...(await summaryOf(parts, id)) });
    else await showOne(parts, id, false);
  });
}

export async function retryFailedMessages(options: RetryOptions): Promise<void> {
  const request = readRequest(options);
  await withParts(options, async (parts) => {
    const { chunks, ...retried } = await retryMessages(parts, request, parts.rules);
    if (chunks.length > 0) await parts.enqueue.chunks(chunks);
    if (options.json) return printJson({ id: null, ...retried });
    report(retried);
    if (retried.accepted > 0) say("They are sent by running workers (volley start).");
  });
}

function readRequest(options: RetryOptions): RetryRequest {
  return {
    states: options.state,
    reasons: options.reason,
    account: options.account,
    through: options.through,
    since: options.since === undefined ? undefined : readTime("--since", options.since),
    until: options.until === undefined ? undefined : readTime("--until", options.until),
    includeUnknown: options.includeUnknown,
  };
}

function report({ accepted, skipped, refusals }: Retried): void {
  const { alreadyRetried, suppressed, mayHaveBeenSent, refused } = skipped;
  say(
    `${grouped(accepted)} accepted, ${grouped(alreadyRetried)} already retried, ${grouped(suppressed)} suppressed, ${grouped(mayHaveBeenSent)} may have been sent, ${grouped(refused)} refused`,
  );
  for (const { id, reason } of refusals) say(`  ${id}: ${reason}`);
  if (refused > refusals.length) say(`  and ${grouped(refused - refusals.length)} more`);
  if (mayHaveBeenSent > 0) {
    say(
      "What may have been sent stays out unless you say --include-unknown; somebody may then get it twice.",
    );
  }
}
