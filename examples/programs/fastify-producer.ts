// A web application that sends one-time codes: the message is committed before the visitor hears "sent", and a
// visitor who asks twice in a minute gets one message.

import Fastify from "fastify";
import { openVolley, VolleyError } from "volley";

const volley = await openVolley({ config: process.env.VOLLEY_CONFIG ?? "volley.yaml" });
const app = Fastify();

app.post("/codes", async (request, reply) => {
  const { phone } = request.body as { phone: string };
  const code = String(Math.floor(Math.random() * 1_000_000)).padStart(6, "0");
  try {
    const { id } = await volley.messages.send(
      { to: phone, text: `Your code is ${code}.`, class: "transactional" },
      { idempotencyKey: `code ${phone} ${Math.floor(Date.now() / 60_000)}` },
    );
    return reply.code(202).send({ id });
  } catch (error) {
    // The same key with another text: a code is on its way already.
    if (error instanceof VolleyError && error.code === "idempotency_key_reused")
      return reply.code(202).send({});
    if (error instanceof VolleyError && error.code === "usage")
      return reply.code(400).send({ error: error.message });
    throw error;
  }
});

app.addHook("onClose", () => volley.close());
process.on("SIGTERM", () => void app.close());
console.log(await app.listen({ port: Number(process.env.PORT ?? 3000) }));
