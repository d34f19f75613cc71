// The library's face: Volley inside a program of your own. It writes to the same ledger as the command line and the
// HTTP API; what it accepts is sent by workers (`volley start`), or by this process when it is told to work.
//
// Nothing here waits for a queue: what is accepted is committed, and a queue that is away is told later.

import { startWorker } from "../jobs/worker.ts";
import { loadConfig } from "./config.ts";
import type { CampaignState, StateCounts } from "./domain/campaign.ts";
import { VolleyError } from "./domain/errors.ts";
import type { CampaignId, MessageClass, MessageId, MessageState } from "./domain/message.ts";
import type { Upload } from "./intake/add-recipients.ts";
import type { RecipientObject } from "./intake/recipient-objects.ts";
import type { RetriedCampaign, RetryRequest } from "./intake/retry-failed.ts";
import type { Campaign as StoredCampaign } from "./ledger/campaigns.ts";
import type { Reminder, ReminderPage } from "./ledger/list-reminders.ts";
import type { Message } from "./ledger/messages.ts";
import type { ReminderCancelled } from "./ledger/reminders.ts";
import {
  type Campaign,
  type CampaignPreview,
  type Campaigns,
  type CreateCampaign,
  createCampaigns,
  type Progress,
} from "./library/campaigns.ts";
import { createMessages, type Messages, type SendMessage, type SentMessage } from "./library/messages.ts";
import { createOptOuts, type OptOuts } from "./library/opt-outs.ts";
import {
  createReminders,
  type PutAnswer,
  type PutReminder,
  type Reminders,
  type ReminderTime,
} from "./library/reminders.ts";
import type { Schedule } from "./library/schedule.ts";
import { openParts } from "./parts.ts";
import { createLog } from "./platform/log.ts";

export type {
  Campaign,
  CampaignId,
  CampaignPreview,
  CampaignState,
  CreateCampaign,
  Message,
  MessageClass,
  MessageId,
  MessageState,
  Progress,
  PutAnswer,
  PutReminder,
  RecipientObject,
  Reminder,
  ReminderCancelled,
  ReminderPage,
  ReminderTime,
  RetriedCampaign,
  RetryRequest,
  Schedule,
  SendMessage,
  SentMessage,
  StateCounts,
  StoredCampaign,
  Upload,
};
export { VolleyError };

export type VolleyOptions = {
  /** Path of volley.yaml; absent: VOLLEY_CONFIG, else ./volley.yaml, else the defaults. */
  readonly config?: string;
};

export type Volley = {
  readonly messages: Messages;
  readonly campaigns: Campaigns;
  readonly reminders: Reminders;
  readonly optOuts: OptOuts;
  /** Sends from this process, too, until it is closed. */
  readonly work: () => Promise<void>;
  /** Lets calls in flight end, and gives all connections back. */
  readonly close: () => Promise<void>;
};

const DATABASE_WAIT_MS = 10_000;
const DRAIN_MS = 25_000;

export async function openVolley({ config: path }: VolleyOptions = {}): Promise<Volley> {
  const config = loadConfig(path);
  const parts = await openParts(config, { log: createLog(config.log), waitMs: DATABASE_WAIT_MS });
  const closers: (() => Promise<void>)[] = [parts.close];
  return {
    messages: createMessages(parts),
    campaigns: createCampaigns(parts),
    reminders: createReminders(parts),
    optOuts: createOptOuts(parts),
    async work() {
      const worker = await startWorker(parts);
      closers.push(() => worker.close(DRAIN_MS));
    },
    async close() {
      for (const close of closers.splice(0).reverse()) await close();
    },
  };
}
