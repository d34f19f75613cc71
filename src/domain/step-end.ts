// How a step of the route ends. Steps know nothing of the queue; queue/consume.ts turns these into its calls.

export type StepEnd =
  | { readonly kind: "done" }
  /** Not finished, not failed: run this job again after a while. Waiting is not a failed try. */
  | { readonly kind: "again"; readonly afterMs: number }
  /** Its turn is over and work is left: it stands in line again, behind all who wait. */
  | { readonly kind: "turn-over" }
  /** Nothing that a later run could do better; the job is dropped and the reason logged. */
  | { readonly kind: "stop"; readonly reason: string };

export const done: StepEnd = { kind: "done" };
export const turnOver: StepEnd = { kind: "turn-over" };
export const again = (afterMs: number): StepEnd => ({ kind: "again", afterMs });
export const stop = (reason: string): StepEnd => ({ kind: "stop", reason });
