// How a command ends: the line that it leaves on stderr, its exit code, and nothing that keeps it alive.

import { VolleyError } from "../domain/errors.ts";
import { describeDatabaseError, isUnreachable, sqlStateOf } from "../platform/postgres.ts";

/** One clear line and the exit code that belongs to it. */
export function reportFailure(error: unknown): number {
  if (error instanceof VolleyError) {
    process.stderr.write(`volley: ${error.message}\n`);
    return error.exitCode;
  }
  if (isUnreachable(error) || sqlStateOf(error) !== null) {
    const what = isUnreachable(error) ? "The database was lost" : "The database refused a statement";
    process.stderr.write(
      `volley: ${what}: ${describeDatabaseError(error)}. What it has committed is kept.\n`,
    );
    return 1;
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`volley: unexpected fault, please report it: ${text}\n`);
  return 1;
}

/** Whoever reads our output may have enough of it (`| head`); that is no reason to leave the work half done. */
export function ignoreClosedPipes(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error;
    });
  }
}

/** Now, and not when the last timer is gone: BullMQ's worker keeps some for as long as its server is away. */
export async function endProcess(): Promise<never> {
  for (const stream of [process.stdout, process.stderr]) {
    await new Promise<void>((resolve) => stream.write("", () => resolve()));
  }
  process.exit();
}
