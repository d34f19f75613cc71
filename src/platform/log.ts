// One logger for the process: JSON lines on stderr, so that stdout stays free for data.
//
// Secrets, tokens, numbers and texts are Sensitive values and print as "[hidden]" by themselves; this file
// adds no second mechanism that could be trusted by mistake.

import { type Logger, pino } from "pino";

export type { Logger };

export const logLevels = ["silent", "error", "warn", "info", "debug"] as const;
export type LogLevel = (typeof logLevels)[number];

export function createLog(level: LogLevel): Logger {
  // Synchronous: a line written just before a crash is a line on disk.
  return pino({ level, base: { pid: process.pid } }, pino.destination({ dest: 2, sync: true }));
}
