// Opting out and back in: what a person means who answers with one word, and who may take an opt-out back.
//
// Only a message that is nothing but such a word acts by itself. A text that merely holds one ("please stop",
// "don't stop") may mean either and waits for a person. In doubt the opt-out wins: one text too few is an
// annoyance, one too many breaks the law.

/** stop: opted out. start: back again. maybe-stop: a person has to read it. none: an ordinary message. */
export type KeywordKind = "stop" | "start" | "maybe-stop" | "none";

/**
 * Who said it. person: somebody at our side, for a call, a letter or a complaint. inbound: the recipient, by SMS.
 * provider: the provider or the network told us. import: a list.
 */
export const optOutSources = ["person", "inbound", "provider", "import"] as const;
export type OptOutSource = (typeof optOutSources)[number];

/**
 * Reasons of a provider's refusal that are the person's own wish: by a word to the sender, or in a register for all
 * senders.
 */
export const refusalsByWish = ["opted-out", "do-not-disturb"] as const;

/**
 * Those that START takes back. What the person said by SMS he may unsay by SMS; an opt-out that came another
 * way may rest on a complaint or a law, and whoever holds the phone now need not be who asked for it.
 */
export const sourcesThatStartEnds = ["inbound", "provider"] as const satisfies readonly OptOutSource[];

/** Ten segments are the longest SMS there is; what stands beyond was not written on a phone. */
const TEXT_CHARACTERS_MAX = 2_000;

/** Plain in any message: nobody writes them about anything else. One word may follow: `STOP 12345`, `STOP Volley`. */
const PLAIN_STOPS = wordSet(`
  stop stopall optout unsubscribe revoke
  stopp stoppa avregistrera avreg avanmäl avprenumerera
  stoppen abmelden abbestellen austragen
  avmeld afmeld frameld lopeta peruuta
  arrêt arrêter désabonner désabonnement désinscrire désinscription
  baja darmedebaja desuscribir
  afmelden uitschrijven
  wypisz rezygnuję odhlásit odhlásiť leiratkozom dezabonare
  iptal
  стоп отписаться відписатися στοπ διακοπή הסר توقف إلغاء 退订 停止
`);

/** Stops too when nothing else is said, but everyday words in a sentence: "cancel my appointment". */
const EVERYDAY_STOPS = wordSet(`
  cancel end quit remove
  avsluta avslutt afslut sluta poista
  ende widerruf
  annuler cancelar parar detener sair remover annulla cancella disiscrivi ferma
  koniec zrušit ret dur
`);

/** Nothing that people also say to agree: YES to "Shall we move your appointment?" brings nobody back. */
const STARTS = wordSet("start unstop resume optin starta börja starten reprendre reanudar");

/** Words that one keyword may be spread over: "opt out", "dar me de baja". */
const WORDS_JOINED_MAX = 4;

export function readKeyword(text: string): { readonly kind: KeywordKind } {
  const words = wordsOf(text.slice(0, TEXT_CHARACTERS_MAX));
  // "opt-out", "stop all", "S.T.O.P."
  const whole = words.join("");
  if (isStop(whole) || (words.length > 0 && words.every(isStop))) return { kind: "stop" };
  if (STARTS.has(whole)) return { kind: "start" };
  const [first = "", ...rest] = words;
  const follows = rest.join("");
  if (PLAIN_STOPS.has(first) && !STARTS.has(follows) && (rest.length === 1 || /^\p{N}+$/u.test(follows))) {
    return { kind: "stop" };
  }
  return { kind: holdsStop(words) ? "maybe-stop" : "none" };
}

function isStop(word: string): boolean {
  return PLAIN_STOPS.has(word) || EVERYDAY_STOPS.has(word);
}

function holdsStop(words: readonly string[]): boolean {
  return words.some((_, from) =>
    Array.from({ length: WORDS_JOINED_MAX }, (_unused, more) => words.slice(from, from + more + 1)).some(
      (group) => isStop(group.join("")),
    ),
  );
}

/**
 * Letters and digits only, in one form: full-width and bold letters, accents, case, quotes, emoji, zero-width
 * characters and no-break spaces make no difference.
 */
function wordsOf(text: string): string[] {
  const plain = text
    .normalize("NFKC")
    .toLowerCase()
    .replaceAll("ı", "i")
    .normalize("NFD")
    .replaceAll(/[\p{M}\p{Cf}]/gu, "");
  return plain.match(/\p{L}+|\p{N}+/gu) ?? [];
}

function wordSet(list: string): ReadonlySet<string> {
  return new Set(wordsOf(list));
}
