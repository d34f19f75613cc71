// A Chromium for tests of what people see: the system's own, driven by playwright-core, which brings none.

import { type Browser, chromium } from "playwright-core";
import { findOnPath, installWithApt } from "./program.ts";

/** apt-get may have to bring it. */
export const CHROMIUM_MS_MAX = 300_000;
const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"] as const;
/** It asks nobody outside for anything, and runs as root, too. */
const ARGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--disable-dev-shm-usage",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** With a new profile, which goes with it. */
export async function startChromium(): Promise<Browser> {
  return chromium.launch({ executablePath: await findProgram(), args: ARGS });
}

async function findProgram(): Promise<string> {
  const found = await findOnPath(...NAMES);
  if (found !== null) return found;
  await installWithApt("chromium");
  const installed = await findOnPath(...NAMES);
  if (installed !== null) return installed;
  throw new Error(
    "The dashboard's tests need a Chromium: install chromium (Debian: apt-get install chromium; macOS: brew install --cask chromium).",
  );
}
