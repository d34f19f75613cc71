// The statuses that the simulated Infobip gives a message at once (general status codes, read 2026-11-22):
//
//   https://www.infobip.com/docs/essentials/api-essentials/response-status-and-error-codes
//
// Ids, names and groups are that page's. The descriptions and actions are ours, in its sense.

export type InfobipStatus = {
  readonly groupId: number;
  readonly groupName: string;
  readonly id: number;
  readonly name: string;
  readonly description: string;
  readonly action?: string;
};

const rejected = (id: number, name: string, description: string, action: string): InfobipStatus => ({
  groupId: 5,
  groupName: "REJECTED",
  id,
  name,
  description,
  action,
});

export const infobipStatuses = {
  accepted: {
    groupId: 1,
    groupName: "PENDING",
    id: 26,
    name: "PENDING_ACCEPTED",
    description: "Message sent to next instance",
  },
  noCredit: rejected(12, "REJECTED_NOT_ENOUGH_CREDITS", "The account has no credit left.", "Top it up."),
  blocklisted: rejected(
    14,
    "REJECTED_DESTINATION_BLOCKLISTED",
    "The destination is on the account's blocklist.",
    "Take it off the blocklist.",
  ),
  systemError: rejected(21, "REJECTED_SYSTEM_ERROR", "An expected error of the system.", "Send it again."),
  duplicateId: rejected(
    23,
    "REJECTED_DUPLICATE_MESSAGE_ID",
    "The message id has been used before.",
    "Give each message an id of its own.",
  ),
  tooLong: rejected(25, "REJECTED_MESSAGE_TOO_LONG", "The text has more than 25 parts.", "Shorten it."),
  badNumber: rejected(52, "REJECTED_DESTINATION", "The destination is not a valid number.", "Check it."),
} as const satisfies Record<string, InfobipStatus>;
