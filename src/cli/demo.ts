// `volley demo`: the whole system on this machine, for a first look. An embedded Postgres in a folder of its
// own, the simulated providers in a process of their own, one campaign through both, and two summaries that
// must agree: the ledger's and the providers'.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { releaseCampaign } from "../../jobs/release-campaign.ts";
import { startWorker } from "../../jobs/worker.ts";
import { type Config, parseConfig } from "../config.ts";
import { VolleyError } from "../domain/errors.ts";
import type { CampaignId } from "../domain/message.ts";
import { openHttpServer } from "../http/server.ts";
import type { IntakeResult } from "../intake/accept-campaign.ts";
import type { Parts } from "../parts.ts";
import { createLog } from "../platform/log.ts";
import { writeDemoRecipients } from "../simulator/demo-recipients.ts";
import { intakeFile, watchUntilFinished } from "./campaign.ts";
import { duration, grouped, print, printTable, say } from "./output.ts";
import { untilStopped, withPartsOf } from "./run.ts";

const DATABASE_WAIT_MS = 60_000;
const DRAIN_MS = 10_000;
const SEED = 1;

type ProviderSummary = {
  readonly accepted: number;
  readonly distinct: number;
  readonly duplicates: number;
  readonly tokenCalls: number;
  readonly calls: number;
  readonly peak: number;
};
