// Which idempotency ids the simulated SMS.CX has carried out, and what it answered to each.
//
// Documented is only that the same id is not carried out or billed twice. ASSUMED: the first answer is given
// again for 24 hours, whatever else the repeated request holds.

export type SmscxReplays = {
  readonly add: (id: string, body: string, wallMs: number) => void;
  /** The first answer; null when the id is new or forgotten. */
  readonly find: (id: string, wallMs: number) => string | null;
  readonly clear: () => void;
};

const KEPT_MS = 24 * 3_600_000;
/** The oldest answers are forgotten beyond this, which is half a million recipients at least. */
const KEPT_CHARACTERS_MAX = 256 * 1024 * 1024;

export function createSmscxReplays(): SmscxReplays {
  const answers = new Map<string, { readonly body: string; readonly untilMs: number }>();
  let characters = 0;

  function dropOldest(): void {
    const oldest = answers.entries().next();
    if (oldest.done === true) return;
    const [id, { body }] = oldest.value;
    answers.delete(id);
    characters -= body.length;
  }

  return {
    add: (id, body, wallMs) => {
      characters += body.length - (answers.get(id)?.body.length ?? 0);
      answers.delete(id);
      answers.set(id, { body, untilMs: wallMs + KEPT_MS });
      while (characters > KEPT_CHARACTERS_MAX) dropOldest();
    },
    find: (id, wallMs) => {
      const answer = answers.get(id);
      return answer === undefined || answer.untilMs <= wallMs ? null : answer.body;
    },
    clear: () => {
      answers.clear();
      characters = 0;
    },
  };
}
