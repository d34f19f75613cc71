// [0] A person's wish to be forgotten. The number stands in the body, for paths end up in logs of what lies between.

import { erasePerson } from "../intake/erase-person.ts";
import { erasure, newErasure } from "./contract/erasures.ts";
import type { Api, ApiDoors } from "./doors.ts";

export function addErasures(api: Api, doors: ApiDoors): void {
  api.post(
    "/erasures",
    {
      config: { scope: "admin" },
      schema: {
        summary: "Erase a person",
        description:
          "The number and all that hangs on it; an opt-out holds without it. Safe to repeat, and to be repeated when " +
          "it is answered 409: something to this person is in flight, and the rest is erased already.",
        tags: ["people"],
        body: newErasure,
        response: { 200: erasure },
      },
    },
    async ({ body: { number } }) => {
      const { messages, cancelled, drafted, posts } = await erasePerson(doors, number);
      return { messages, cancelled, drafted, posts };
    },
  );
}
