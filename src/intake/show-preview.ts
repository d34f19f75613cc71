// [1] A preview as JSON shows it, over HTTP and on the command line: amounts and times are text.

import { formatMicros } from "../domain/price.ts";
import type { Preview, Share } from "./preview.ts";

export function showPreview(preview: Preview) {
  const { cost, countries, accounts, samples, startsAt, finishesAt, ucs2, warnings, ...counts } = preview;
  const currency = cost?.currency ?? null;
  const showCost = (of: Share["cost"]) =>
    currency === null ? null : { amount: formatMicros(of.micros), unpriced: of.unpriced };
  return {
    ...counts,
    currency,
    cost: cost === null ? null : showCost(cost),
    ucs2: { ...ucs2, template: [...ucs2.template], values: [...ucs2.values] },
    countries: countries.map((one) => ({ ...one, cost: showCost(one.cost) })),
    accounts: accounts.map((one) => ({ ...one, cost: showCost(one.cost) })),
    samples: [...samples],
    startsAt: startsAt.toISOString(),
    finishesAt: finishesAt?.toISOString() ?? null,
    warnings: [...warnings],
  };
}
