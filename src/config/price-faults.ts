// What prices and caps of cost ask of each other: a currency, and a price of every number, or no cap could be kept.

import { OTHER_NUMBERS } from "../domain/price.ts";
import { isJsonObject } from "../platform/json.ts";
import { type Fault, joinPath } from "./tree.ts";

export function priceFaults(tree: unknown): Fault[] {
  if (!isJsonObject(tree)) return [];
  const accounts = Array.isArray(tree.accounts) ? tree.accounts : [];
  const capsAll = isJsonObject(tree.caps) && tree.caps.campaignCost !== undefined;
  const faults: Fault[] = [];
  let isPriced = false;
  accounts.forEach((account: unknown, index) => {
    if (!isJsonObject(account)) return;
    const { prices, limits } = account;
    isPriced ||= prices !== undefined;
    const capsDay = isJsonObject(limits) && limits.costPerDay !== undefined;
    const pricesAll = isJsonObject(prices) && prices[OTHER_NUMBERS] !== undefined;
    if (pricesAll || !(capsAll || capsDay)) return;
    const path = joinPath(`accounts[${index}].prices`, OTHER_NUMBERS);
    const cap = capsDay ? "limits.costPerDay" : "caps.campaignCost";
    faults.push({ path, message: `is missing; ${cap} needs a price of every number` });
  });
  if (isPriced && tree.currency === undefined) {
    faults.push({ path: "currency", message: 'is missing; prices need one, such as "EUR"' });
  }
  return faults;
}
