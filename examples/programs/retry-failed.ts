// A program looks at a campaign that ended with failures, and has what failed sent again through another account:
// only what cannot have reached anybody, and each message once, however often this runs.

import { openVolley } from "volley";

const [id, through] = process.argv.slice(2);
const volley = await openVolley({ config: process.env.VOLLEY_CONFIG ?? "volley.yaml" });
try {
  const campaign = await volley.campaigns.get(id ?? "");
  if (campaign === null) throw new Error("There is no such campaign.");
  const { state, counts } = await campaign.progress();
  const retried = await campaign.retryFailed(through === undefined ? {} : { through });
  console.log(
    JSON.stringify({
      state,
      counts,
      retry: retried.id,
      accepted: retried.accepted,
      skipped: retried.skipped,
    }),
  );
} finally {
  await volley.close();
}
