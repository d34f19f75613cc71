#!/usr/bin/env node
// Entry: the operator's command line. Words and options live in cli/program.ts; what they do lives beside it.

import { CommanderError } from "commander";
import { endProcess, ignoreClosedPipes, reportFailure } from "./cli/ending.ts";
import { createProgram } from "./cli/program.ts";

const USAGE = 2;

ignoreClosedPipes();
try {
  await createProgram().parseAsync();
} catch (error) {
  // Commander has printed what was wrong, or the help that was asked for.
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : USAGE;
  else process.exitCode = reportFailure(error);
}
await endProcess();
