// `volley campaign retry-failed` and `volley message retry-failed`: what failed is sent again, once.

import { releaseCampaign } from "../../jobs/release-campaign.ts";
import type { MessageState } from "../domain/message.ts";
import { type Retried, type RetryRequest, retryCampaign, retryMessages } from "../intake/retry-failed.ts";
import { campaignId, reportEnd, watchUntilFinished } from "./campaign.ts";
import { readTime } from "./message.ts";
import { grouped, print, printJson, say } from "./output.ts";
import { type GlobalOptions, withParts, withWorker } from "./run.ts";

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
    if (id === null || wait !== true) {
      if (id !== null) await releaseCampaign(parts, id);
      if (options.json) return printJson(answerOf(retried, { id }));
      if (id !== null) print(id);
      report(retried);
      if (id !== null) {
        say(`It is sent by running workers (volley start). Follow it: volley campaign watch ${id}`);
      }
      return;
    }
    await releaseCampaign(parts, id);
    if (!options.json) {
      print(id);
      report(retried);
    }
    const advice = `The campaign goes on when workers run. Follow it: volley campaign watch ${id}`;
    await withWorker(parts, (stopped) => watchUntilFinished(parts, id, stopped), advice);
    if (options.json) printJson(answerOf(retried, { id }));
    else await showOne(parts, id, false);
  });
}
