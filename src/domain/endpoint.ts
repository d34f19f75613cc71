// An endpoint: a customer's address that hears of events, by webhook.

export type EndpointId = string & { readonly brand: "EndpointId" };

/** gone: it answered 410. failing: nothing but failures for days. secret-lost: it cannot be opened; rotate it. */
export const disabledReasons = ["by-hand", "gone", "failing", "secret-lost"] as const;
export type DisabledReason = (typeof disabledReasons)[number];
