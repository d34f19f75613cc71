// [6] What stands in place of a number that was erased (erase.ts). No number can be this word, so nothing joins, finds
// or sends to it.

export const ERASED = "erased";
