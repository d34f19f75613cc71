// [1] Recipients -> a draft, in a stream: each row is checked, measured, timed and put into the chunk of the accounts
// that may send it. The command line, the HTTP door and the library meet here.
//
// What has been read is in the ledger, so an upload that broke off is repeated: people who are there already are
// duplicates, and nobody is taken twice. A faulty row is counted and left out; a faulty header throws.

import { VolleyError } from "../domain/errors.ts";
import { recipientMessageId } from "../domain/ids.ts";
import type { CampaignId } from "../domain/message.ts";
import { type CountryCode, parsePhoneNumber } from "../domain/phone-number.ts";
import { measureText } from "../domain/sms-text.ts";
import { bindFields, renderTemplate } from "../domain/template.ts";
import type { TimeZone } from "../domain/time-zone.ts";
import type { NewMessage } from "../ledger/add-chunk.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { type CampaignDraft, checkDraft } from "./campaign-draft.ts";
import { chooseAccounts, type IntakeRules } from "./choose-accounts.ts";
import type { CsvRow } from "./csv.ts";
import { dueTime, RECIPIENT_ZONE } from "./due-time.ts";
import { createOpenChunks } from "./open-chunks.ts";

export type Recipients = {
  readonly headers: readonly string[];
  /** Indexes of columns. A time is the recipient's own; a zone is an IANA name. */
  readonly columns: {
    readonly phone: number;
    readonly time?: number | undefined;
    readonly zone?: number | undefined;
  };
  readonly batches: AsyncIterable<readonly CsvRow[]>;
  /** Of numbers without one. */
  readonly country: CountryCode | undefined;
};

export type Upload = {
  readonly accepted: number;
  readonly duplicates: number;
  readonly suppressed: number;
  readonly invalid: number;
  /** The first of them; the others are only counted. */
  readonly errors: RowError[];
};
export type RowError = { readonly row: number; readonly reason: string };

export const ROW_ERRORS_KEPT = 100;

export type UploadParts = {
  readonly ledger: {
    readonly campaigns: Pick<Ledger["campaigns"], "noteRefusals">;
    readonly chunks: Pick<Ledger["chunks"], "add">;
  };
};
export type UploadOptions = {
  readonly rules: IntakeRules;
  /** Called with the rows read so far. */
  readonly onProgress?: ((rows: number) => void) | undefined;
};

/** Throws a VolleyError for faults of the upload as a whole. */
export async function addRecipients(
  { ledger }: UploadParts,
  campaign: CampaignDraft & { readonly id: CampaignId; readonly edition?: number | undefined },
  recipients: Recipients,
  { rules, onProgress }: UploadOptions,
): Promise<Upload> {
  const check = createRowCheck(campaign, recipients, rules);
  const totals = { accepted: 0, duplicates: 0, suppressed: 0, invalid: 0 };
  const errors: RowError[] = [];
  const chunks = createOpenChunks(async (chunk) => {
    const { accepted, suppressed } = await ledger.chunks.add({
      ...chunk,
      campaignId: campaign.id,
      class: campaign.class,
      sender: campaign.from,
      state: "waiting",
      edition: campaign.edition,
    });
    totals.accepted += accepted;
    totals.suppressed += suppressed;
    totals.duplicates += chunk.messages.length - accepted - suppressed;
  });

  let rows = 0;
  try {
    for await (const batch of recipients.batches) {
      for (const row of batch) {
        const checked: CheckedRow = "error" in row ? { ok: false, reason: row.error } : check(row);
        if (checked.ok) {
          const closing = chunks.put(checked.message, checked);
          if (closing !== undefined) await closing;
          continue;
        }
        totals.invalid += 1;
        if (errors.length < ROW_ERRORS_KEPT) errors.push({ row: row.rowNumber, reason: checked.reason });
      }
      rows += batch.length;
      onProgress?.(rows);
    }
    await chunks.closeAll();
  } finally {
    // A draft may be discarded only when nothing is on its way into it any more.
    await chunks.settled();
    await ledger.campaigns.noteRefusals(campaign.id, totals).catch(() => undefined);
  }
  chunks.assertAllDone();
  return { ...totals, errors };
}

type Row = Extract<CsvRow, { cells: readonly string[] }>;
type CheckedRow =
  | {
      readonly ok: true;
      readonly accounts: readonly string[];
      readonly zones: readonly TimeZone[];
      readonly message: NewMessage;
    }
  | { readonly ok: false; readonly reason: string };

/** Checks the header, and answers the check for one row. */
function createRowCheck(
  campaign: CampaignDraft & { readonly id: CampaignId },
  recipients: Recipients,
  rules: IntakeRules,
): (row: Row) => CheckedRow {
  const { template, senderFaults } = checkDraft(campaign, rules);
  const bound = bindFields(template, recipients.headers);
  if (!bound.ok) throw new VolleyError("template_invalid", `Cannot add the recipients: ${bound.reason}`);
  const { columns } = recipients;
  const nowMs = Date.now();
  const ownTime = campaign.timeZone === RECIPIENT_ZONE ? campaign.sendAt : null;
  const cell = (row: Row, column: number | undefined) =>
    column === undefined ? "" : (row.cells[column] ?? "");

  return (row) => {
    const phone = parsePhoneNumber(cell(row, columns.phone), recipients.country);
    if (!phone.ok) return { ok: false, reason: phone.reason };
    const values = bound.columns.map((column) => cell(row, column));
    const empty = values.findIndex((value) => value.trim() === "");
    if (empty >= 0) return { ok: false, reason: `The column "${template.fields[empty]}" is empty.` };
    const time = dueTime({
      at: cell(row, columns.time) || ownTime || undefined,
      zone: cell(row, columns.zone) || undefined,
      readIn: campaign.timeZone ?? undefined,
      to: phone,
      class: campaign.class,
      quietHours: rules.quietHours,
      nowMs,
    });
    if (!time.ok) return time;
    const text = renderTemplate(template, values);
    const id = recipientMessageId(campaign.id, phone.number);
    const chosen = chooseAccounts(
      rules,
      { id, to: phone.number, class: campaign.class, text, account: campaign.account },
      senderFaults,
    );
    if (!chosen.ok) return chosen;
    const { segments } = measureText(text);
    const { zones, dueAt, expiresAt } = time;
    return {
      ok: true,
      accounts: chosen.accounts,
      zones,
      message: {
        id,
        to: phone.number,
        position: row.rowNumber,
        segments,
        text: null,
        values,
        dueAt,
        expiresAt,
      },
    };
  };
}
