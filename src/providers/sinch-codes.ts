// [7] Sinch's words for what became of a message -> ours. Read on 2026-11-22:
//
//   statuses, codes 400 to 418  https://github.com/sinch/sinch-sdk-java (DeliveryStatus, DeliveryReceiptStatusCode)
//   codes of the networks       https://github.com/sinch/docs (SMPP error specification; "Treated as" = permanent or not)
//
// The status says whether the message arrived, the code says why not and whether it would fail again. A code
// that is not here counts as permanent: nothing sends again by itself on a code that nobody has explained.

import { type ReportedState, UNLISTED_STATUS } from "../domain/report.ts";

export type Meaning = {
  readonly state: ReportedState;
  readonly reason: string;
  readonly permanent: boolean;
  readonly optedOut: boolean;
};

type Status = { readonly state: ReportedState; readonly reason: string; readonly permanent: boolean };

/** `permanent` as it is with code 0, which the networks use for "no error" as well as for "unknown error". */
const statuses: ReadonlyMap<string, Status> = new Map([
  // Held by the REST API until the plan's rate allows it.
  ["Queued", { state: "pending", reason: "queued", permanent: false }],
  // Handed on to the message centre.
  ["Dispatched", { state: "pending", reason: "dispatched", permanent: false }],
  // On the handset.
  ["Delivered", { state: "delivered", reason: "delivered", permanent: false }],
  // Not delivered; code 0 is treated as temporary.
  ["Failed", { state: "undelivered", reason: "failed", permanent: false }],
  // The time in which it could be delivered is over.
  ["Expired", { state: "undelivered", reason: "expired", permanent: false }],
  // Refused by the message centre.
  ["Rejected", { state: "undelivered", reason: "rejected", permanent: true }],
  // Given up before it reached the message centre.
  ["Aborted", { state: "undelivered", reason: "aborted", permanent: true }],
  // Cancelled by the customer before it reached the message centre.
  ["Cancelled", { state: "undelivered", reason: "cancelled", permanent: true }],
  // Removed by the operator, or the person opted out: the word says not which, so nobody is put on a list for it.
  ["Deleted", { state: "undelivered", reason: "deleted", permanent: true }],
  // No receipt ever came: not a failure.
  ["Unknown", { state: "no-word", reason: "no-receipt", permanent: false }],
]);

type Row = readonly [reason: string, codes: readonly number[]];

/** The same message to the same person would fail again. */
const permanent: readonly Row[] = [
  // Codes of Sinch itself.
  ["unroutable", [402]], // message unroutable, the message centre rejected it
  ["parameter-missing", [405]], // unmatched parameter: a placeholder has no value for this recipient
  ["cancelled", [407]], // cancelled before it reached the message centre
  ["rejected", [408]], // the message centre rejected it
  ["account-no-default-sender", [410]], // no default originator configured for this recipient
  ["too-many-parts", [411]], // more parts than allowed
  ["account-region-not-provisioned", [412]], // the account is not provisioned for this region
  ["account-blocked", [413]], // the account is blocked, potentially out of credits
  ["mms-only", [414, 415, 416, 417, 418]], // bad media, and what an MMS gateway reports; never of an SMS
  // Routing.
  ["routing-error", [1, 2, 3, 5, 6, 7, 8]], // internal routing error
  ["number-plan-unsupported", [9]], // unsupported number plan
  ["number-type-unsupported", [10]], // unsupported type of number
  ["not-delivered", [11]], // message not delivered
  ["zone-not-found", [12]], // dialing zone not found
  ["roaming-not-allowed", [13]], // not home zone and IMSI not allowed
  ["network-unknown", [17]], // destination network type unknown
  // Screening.
  ["screened", [15]], // screening block
  ["subscriber-blocked", [16]], // terminating IMSI blocked
  ["origin-mismatch", [19]], // originating location mismatch
  ["sender-blocked", [60]], // originator blocked
  ["destination-blocked", [61]], // destination blocked; by whom is not said
  ["keyword-blocked", [62]], // keyword blocked
  ["message-centre-blocked", [63]], // SC address blocked
  ["quota-exceeded", [64]], // blocked due to exceeded quota
  ["loop-detected", [65]], // loop detected
  ["encoding-blocked", [66]], // data coding scheme blocked
  ["element-blocked", [67]], // information element identifier blocked
  ["internal-error", [53, 54, 55, 72]], // internal error
  ["look-up-blocked", [77]], // IMSI lookup blocked
  // Message centre (100s), subscriber register (150s), switching centre (200s).
  ["unidentified-subscriber", [100]], // unidentified subscriber
  ["unknown-subscriber", [150]], // no directory number for the mobile subscriber
  ["subscriber-barred", [151]], // call barred
  ["sms-not-provisioned", [152]], // teleservice not provisioned: no SMS subscription
  ["unsupported-by-network", [154, 204]], // facility not supported, by the visited network or the SIM
  ["illegal-subscriber", [205]], // failed authentication
  ["illegal-equipment", [206]], // the handset is on a block list
  ["unexpected-value", [103, 156, 208]], // unexpected data value
  ["data-missing", [104, 157, 209]], // data missing
  ["equipment-protocol-error", [105]], // equipment protocol error
  ["address-invalid", [108]], // invalid short message entity address
  ["network-reject", [110, 160, 213]], // reject; the page calls it permanent though "temporary problem or lost reach"
  ["network-exception", [113, 163, 216]], // exception (internal)
  // Barring: MO is of the sender, MT of the recipient; personal lists are the person's, the others the operator's.
  ["sender-not-on-list", [250, 252]], // MO barring, white list
  ["sender-on-block-list", [251, 253]], // MO barring, black list
  ["recipient-allows-others-only", [254]], // MT barring, personal white list
  ["recipient-blocks-sender", [255]], // MT barring, personal black list
  ["operator-allows-others-only", [256]], // MT barring, operator's white list
  ["operator-blocks-sender", [257]], // MT barring, operator's black list
  // The next network's answers.
  ["destination-invalid", [300, 301, 302, 303, 304]], // destination address, plan, type, flag or number of them
  ["sender-invalid", [310, 311, 312]], // source address, plan or type
  ["receiver-permanent-error", [320]], // ESME receiver permanent error
  ["receiver-reject", [321]], // ESME receiver reject error
  // Command length, service type, operation (2), parameter (5), validity, schedule, list, class, length, reference,
  // number of messages, predefined message, priority, replace flag.
  [
    "request-invalid",
    [330, 331, 332, 333, 334, 335, 336, 337, 338, 339, 340, 341, 342, 343, 344, 345, 346, 347, 348],
  ],
  ["request-failed", [349]], // request failed
];

/** Another try may succeed. */
const temporary: readonly Row[] = [
  ["internal-error", [40, 50, 51, 52, 56, 70, 71, 73, 74, 75, 76]], // internal error
  // ASSUMED temporary, the source does not say: an unexpected error caused the message to fail.
  ["internal-error", [403]],
  ["temporary-failure", [404]], // temporary delivery failure, may be retried
  ["expired", [406]], // expired before it reached the message centre
  ["routing-error", [4]], // internal routing error
  ["roaming-look-up-failed", [14]], // not home zone and IMSI fetch failed
  ["receiver-error", [18]], // ESME error
  ["receiver-temporary-error", [322]], // ESME receiver temporary error; its "treated as" is empty
  ["unsupported-by-network", [101]], // facility not supported
  ["network-failure", [102, 155, 207]], // system failure
  ["message-centre-unknown", [106]], // unknown service centre address
  ["message-centre-congested", [107]], // service centre congestion
  ["not-message-centre-subscriber", [109]], // subscriber not service centre subscriber
  ["network-cancel", [111, 161, 214]], // local cancel: temporary problem or lost reach
  ["network-abort", [112, 162, 215]], // abort: temporary problem or lost reach
  ["network-unknown-error", [114, 164, 217]], // unknown error
  ["absent-subscriber", [153, 201, 202]], // absent subscriber, detached, or no page response
  ["memory-full", [158, 210]], // memory capacity exceeded
  ["not-reachable", [159]], // mobile subscriber not reachable
  ["unidentified-subscriber", [200]], // unidentified subscriber
  ["subscriber-busy", [203]], // busy for MT SMS: congestion at the visited switching centre
  ["equipment-protocol-error", [211]], // equipment protocol error
  ["equipment-without-sms", [212]], // equipment not short message equipped
  ["report-request-invalid", [350]], // invalid delivery report request
  ["queue-full", [360]], // message queue full
  ["external-error", [361, 362]], // external error
  ["information-not-found", [370]], // cannot find information
  ["external-unknown", [399]], // unknown
];

/** The person put the sender on a list of his own at the operator. No other wording speaks of the person's will. */
const OPTED_OUT_CODE = 255;
const NO_ERROR_CODE = 0;

const causes = new Map([...rowsOf(permanent, true), ...rowsOf(temporary, false)]);

/** Null: no status at all. `code` is null when the report has none that can be read. */
export function meaningOf(status: string, code: number | null): Meaning | null {
  if (status === "") return null;
  const known = statuses.get(status);
  if (known === undefined)
    return { state: "pending", reason: UNLISTED_STATUS, permanent: false, optedOut: false };
  if (known.state !== "undelivered" || code === NO_ERROR_CODE) return { ...known, optedOut: false };
  const cause = code === null ? undefined : causes.get(code);
  return {
    state: "undelivered",
    reason: cause?.reason ?? known.reason,
    permanent: cause?.permanent ?? true,
    optedOut: code === OPTED_OUT_CODE,
  };
}

function rowsOf(rows: readonly Row[], isPermanent: boolean) {
  return rows.flatMap(([reason, codes]) =>
    codes.map((code) => [code, { reason, permanent: isPermanent }] as const),
  );
}
