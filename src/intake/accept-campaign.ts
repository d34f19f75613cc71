// [1] Recipients -> accepted campaign, in a stream: each row is checked, measured and put into the chunk of the
// accounts that may send it. The command line and the HTTP door meet here.
//
// Nothing is sent before the last row has been read: the campaign is a draft until then, and an intake that
// fails takes its rows with it. Memory holds one open chunk for each choice of accounts, whatever the file's size.

import { CHUNK_ROWS_MAX } from "../domain/campaign.ts";
import { VolleyError } from "../domain/errors.ts";
import { createCampaignId, recipientMessageId } from "../domain/ids.ts";
import type { CampaignId, MessageClass } from "../domain/message.ts";
import { type CountryCode, parsePhoneNumber } from "../domain/phone-number.ts";
import { measureText } from "../domain/sms-text.ts";
import { bindFields, parseTemplate, renderTemplate, type Template } from "../domain/template.ts";
import { characterFault } from "../domain/text-check.ts";
import type { NewMessage } from "../ledger/chunks.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { chooseAccounts, findSenderFaults, type IntakeRules, type SenderFaults } from "./choose-accounts.ts";
import type { CsvRow } from "./csv.ts";

export type CampaignDraft = {
  readonly name: string;
  readonly class: MessageClass;
  readonly template: string;
  readonly from: string | null;
  /** Null: the routes choose. */
  readonly account: string | null;
};

export type Recipients = {
  readonly headers: readonly string[];
  /** The index of the column that holds the phone number. */
  readonly phoneColumn: number;
  readonly batches: AsyncIterable<readonly CsvRow[]>;
  readonly country: CountryCode | undefined;
};

export type IntakeResult = {
  readonly id: CampaignId;
  readonly accepted: number;
  readonly duplicates: number;
  readonly suppressed: number;
  readonly invalid: number;
  /** The first of them; the others are only counted. */
  readonly errors: readonly RowError[];
};
export type RowError = { readonly row: number; readonly reason: string };

export const ROW_ERRORS_KEPT = 100;
const NAME_CHARACTERS_MAX = 200;
/** Inserts under way while the next rows are parsed. */
const INSERTS_MAX = 2;

export type IntakeParts = { readonly ledger: Pick<Ledger, "campaigns" | "chunks"> };

/** Throws a VolleyError for faults of the campaign as a whole; a faulty row is counted and left out. */
export async function acceptCampaign(
  { ledger }: IntakeParts,
  draft: CampaignDraft,
  recipients: Recipients,
  { rules, onProgress }: { readonly rules: IntakeRules; readonly onProgress?: (rows: number) => void },
): Promise<IntakeResult> {
  const check = checkDraft(draft, recipients, rules);
  const id = createCampaignId(Date.now());
  await ledger.campaigns.createDraft({
    id,
    name: draft.name,
    class: draft.class,
    sender: draft.from,
    template: draft.template,
  });
  try {
    const totals = await takeRows({ ledger, draft, id, check, recipients, onProgress });
    if (totals.accepted === 0) {
      const [first] = totals.errors;
      throw new VolleyError(
        "csv_unreadable",
        `Cannot create campaign "${draft.name}": none of its rows can be sent to.${first === undefined ? "" : ` Row ${first.row}: ${first.reason}`}`,
      );
    }
    const { accepted: total, duplicates, suppressed, invalid } = totals;
    await ledger.campaigns.start(id, { total, duplicates, suppressed, invalid }, [...totals.accounts]);
    return { id, ...totals };
  } catch (error) {
    await ledger.campaigns.discardDraft(id).catch(() => undefined);
    throw error;
  }
}

type RowCheck = (row: Extract<CsvRow, { cells: readonly string[] }>, id: CampaignId) => CheckedRow;
type CheckedRow =
  | { readonly ok: true; readonly accounts: readonly string[]; readonly message: NewMessage }
  | { readonly ok: false; readonly reason: string };

/** Rows whose accounts are the same, in the same order. */
type OpenChunk = { readonly accounts: readonly string[]; readonly messages: NewMessage[] };

async function takeRows({
  ledger,
  draft,
  id,
  check,
  recipients,
  onProgress,
}: {
  ledger: IntakeParts["ledger"];
  draft: CampaignDraft;
  id: CampaignId;
  check: RowCheck;
  recipients: Recipients;
  onProgress: ((rows: number) => void) | undefined;
}) {
  const totals = { accepted: 0, duplicates: 0, suppressed: 0, invalid: 0 };
  const errors: RowError[] = [];
  const open = new Map<string, OpenChunk>();
  const accounts = new Set<string>();
  let rows = 0;

  const inserts = createInserts(async ({ accounts: choice, messages }: OpenChunk) => {
    const { accepted, suppressed } = await ledger.chunks.add({
      campaignId: id,
      accounts: choice,
      class: draft.class,
      sender: draft.from,
      state: "waiting",
      messages,
    });
    totals.accepted += accepted;
    totals.suppressed += suppressed;
    totals.duplicates += messages.length - accepted - suppressed;
    const [first] = choice;
    if (accepted > 0 && first !== undefined) accounts.add(first);
  });

  try {
    for await (const batch of recipients.batches) {
      for (const row of batch) {
        const checked: CheckedRow = "error" in row ? { ok: false, reason: row.error } : check(row, id);
        if (!checked.ok) {
          totals.invalid += 1;
          if (errors.length < ROW_ERRORS_KEPT) errors.push({ row: row.rowNumber, reason: checked.reason });
          continue;
        }
        const choice = checked.accounts.join(",");
        const chunk = open.get(choice) ?? { accounts: checked.accounts, messages: [] };
        open.set(choice, chunk);
        chunk.messages.push(checked.message);
        if (chunk.messages.length < CHUNK_ROWS_MAX) continue;
        open.delete(choice);
        await inserts.start(chunk);
      }
      rows += batch.length;
      onProgress?.(rows);
    }
    for (const chunk of open.values()) await inserts.start(chunk);
  } finally {
    // A draft is discarded only when nothing is on its way into it any more.
    await inserts.settled();
  }
  inserts.assertAllDone();
  return { ...totals, errors, accounts };
}

/** A few inserts at once. One that failed is never forgotten, however long nobody asked: the intake ends with it. */
function createInserts(insert: (chunk: OpenChunk) => Promise<void>) {
  const running = new Set<Promise<void>>();
  let failure: { readonly error: unknown } | null = null;
  const assertAllDone = () => {
    if (failure !== null) throw failure.error;
  };
  return {
    assertAllDone,
    async start(chunk: OpenChunk): Promise<void> {
      while (running.size >= INSERTS_MAX) await Promise.race(running);
      assertAllDone();
      const one = insert(chunk)
        .catch((error: unknown) => {
          failure ??= { error };
        })
        .finally(() => running.delete(one));
      running.add(one);
    },
    settled: () => Promise.all(running),
  };
}

/** Checks what concerns the campaign as a whole, and answers the check for one row. */
function checkDraft(draft: CampaignDraft, recipients: Recipients, rules: IntakeRules): RowCheck {
  const fault = (code: "usage" | "template_invalid", reason: string) =>
    new VolleyError(code, `Cannot create the campaign: ${reason}`);
  if (draft.name.trim() === "" || draft.name.length > NAME_CHARACTERS_MAX) {
    throw fault("usage", `its name must have 1 to ${NAME_CHARACTERS_MAX} characters.`);
  }
  const nameFault = characterFault(draft.name);
  if (nameFault !== null) throw fault("usage", `its name ${nameFault}.`);
  const parsed = parseTemplate(draft.template);
  if (!parsed.ok) throw fault("template_invalid", parsed.reason);
  const bound = bindFields(parsed.template, recipients.headers);
  if (!bound.ok) throw fault("template_invalid", bound.reason);
  if (draft.account !== null && !rules.accounts.has(draft.account)) {
    throw fault(
      "usage",
      `no account is named "${draft.account}". Configured: ${[...rules.accounts.keys()].join(", ")}.`,
    );
  }
  const senderFaults = findSenderFaults(rules, draft.from);
  const noSender = senderFaultOfAll(draft, rules, senderFaults);
  if (noSender !== null) throw fault("usage", noSender);
  const { template } = parsed;
  const { columns } = bound;
  return (row, id) => checkRow(row, { id, draft, template, columns, recipients, rules, senderFaults });
}

/** When no account that could send any of the campaign takes its sender: what the first of them says. */
function senderFaultOfAll(draft: CampaignDraft, rules: IntakeRules, faults: SenderFaults): string | null {
  const routes = rules.routes.filter((route) => route.class === null || route.class === draft.class);
  const names =
    draft.account === null
      ? routes.flatMap(({ accounts }) => accounts.map(({ name }) => name))
      : [draft.account];
  const [first] = names;
  return first !== undefined && names.every((name) => faults.has(name)) ? (faults.get(first) ?? null) : null;
}

function checkRow(
  row: Extract<CsvRow, { cells: readonly string[] }>,
  campaign: {
    readonly id: CampaignId;
    readonly draft: CampaignDraft;
    readonly template: Template;
    readonly columns: readonly number[];
    readonly recipients: Recipients;
    readonly rules: IntakeRules;
    readonly senderFaults: SenderFaults;
  },
): CheckedRow {
  const { id, draft, template, columns, recipients, rules, senderFaults } = campaign;
  const phone = parsePhoneNumber(row.cells[recipients.phoneColumn] ?? "", recipients.country);
  if (!phone.ok) return { ok: false, reason: phone.reason };

  const values = columns.map((column) => row.cells[column] ?? "");
  const empty = values.findIndex((value) => value.trim() === "");
  if (empty >= 0) return { ok: false, reason: `The column "${template.fields[empty]}" is empty.` };
  const text = renderTemplate(template, values);
  const messageId = recipientMessageId(id, phone.number);
  const wanted = { id: messageId, to: phone.number, class: draft.class, text, account: draft.account };
  const chosen = chooseAccounts(rules, wanted, senderFaults);
  if (!chosen.ok) return chosen;

  return {
    ok: true,
    accounts: chosen.accounts,
    message: {
      id: messageId,
      to: phone.number,
      position: row.rowNumber,
      segments: measureText(text).segments,
      text: null,
      values,
    },
  };
}
