// A program queues a campaign from its own database, a row at a time, and leaves the sending to Volley's workers.

import { openVolley } from "volley";

const volley = await openVolley({ config: process.env.VOLLEY_CONFIG ?? "volley.yaml" });
try {
  const campaign = await volley.campaigns.create({
    name: "Opening on Monday",
    template: "Hi {{name}}, our shop in {{city}} opens on Monday.",
  });
  // Any iterable will do, and none is held in memory.
  const upload = await campaign.addRecipients(customers());
  for (const { row, reason } of upload.errors) console.error(`customer ${row}: ${reason}`);
  await campaign.start();
  console.log(JSON.stringify({ id: campaign.id, accepted: upload.accepted, invalid: upload.invalid }));
} finally {
  await volley.close();
}

async function* customers() {
  for (let customer = 0; customer < 250; customer += 1) {
    yield {
      to: `+4670174${String(customer).padStart(4, "0")}`,
      name: `Customer ${customer}`,
      city: customer % 2 === 0 ? "Lund" : "Malmö",
    };
  }
  // A number that is none is told, and stops nobody else.
  yield { to: "12", name: "Nobody", city: "Lund" };
}
