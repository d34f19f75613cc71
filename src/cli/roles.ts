// What a process of `volley start` does: everything, or one half of it.

export const roles = ["all", "api", "worker"] as const;
export type Role = (typeof roles)[number];
