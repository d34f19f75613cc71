// The one error class, and the table of its codes. README's table of codes is held to this one by a test.
//
// A message says what was being done, to what, what came back and what to do. It never holds a secret,
// token, phone number or text: `details` neither.

/** Code -> exit code of the command line: 1 failed, 2 bad usage, 3 configuration. */
export const errorCodes = {
  config_invalid: 3,
  credentials_refused: 3,
  scope_missing: 3,
  usage: 2,
  template_invalid: 2,
  idempotency_key_reused: 2,
  csv_unreadable: 1,
  not_found: 1,
  state_conflict: 1,
  port_taken: 1,
  database_unreachable: 1,
  database_failed: 1,
  engine_unreachable: 1,
  engine_unfit: 1,
  provider_unreachable: 1,
  token_unavailable: 1,
} as const satisfies Record<string, 1 | 2 | 3>;
export type ErrorCode = keyof typeof errorCodes;

export class VolleyError extends Error {
  readonly code: ErrorCode;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(
    code: ErrorCode,
    message: string,
    options: { cause?: unknown; details?: Readonly<Record<string, unknown>> } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "VolleyError";
    this.code = code;
    this.details = options.details ?? {};
  }

  get exitCode(): 1 | 2 | 3 {
    return errorCodes[this.code];
  }
}
