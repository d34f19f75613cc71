// A program reminds its customers of their appointments: the day before, at ten o'clock where the customer is. An
// appointment's number is the reminder's key, so this may run for every change of the calendar, and after a crash.

import { openVolley } from "volley";

const volley = await openVolley({ config: process.env.VOLLEY_CONFIG ?? "volley.yaml" });
try {
  for (const { number, phone, day, timeZone, state } of appointments()) {
    const key = `appointment-${number}`;
    if (state === "called off") {
      const { takenBack } = await volley.reminders.cancel(key);
      console.log(JSON.stringify({ key, takenBack }));
      continue;
    }
    const { outcome, reminder } = await volley.reminders.put(key, {
      to: phone,
      text: `Your appointment is tomorrow, ${day}. Reply STOP for no more of these.`,
      at: `${dayBefore(day)}T10:00`,
      // Nobody wants to hear of it in the evening, when a worker was away all day.
      expiresAt: `${dayBefore(day)}T18:00`,
      timeZone,
    });
    console.log(JSON.stringify({ key, outcome, next: reminder.nextAt, local: reminder.nextLocal }));
  }
} finally {
  await volley.close();
}

/** The calendar's changes, in their order: one moved to another day, one called off. */
function appointments() {
  const winter = nextDay("01-20");
  const summer = nextDay("07-06");
  const here = { phone: "+46701748001", timeZone: "Europe/Stockholm", state: "booked" };
  const there = { phone: "+12125550123", timeZone: "America/New_York", state: "booked" };
  return [
    { ...here, number: 1, day: winter },
    { ...there, number: 2, day: winter },
    { ...here, number: 1, day: winter },
    { ...here, number: 1, day: summer },
    { ...there, number: 2, day: winter, state: "called off" },
  ];
}

/** The next of these that is far enough away. */
function nextDay(monthAndDay: string): string {
  const soonMs = Date.now() + 7 * 86_400_000;
  const year = new Date().getFullYear();
  const day = `${year}-${monthAndDay}`;
  return Date.parse(day) > soonMs ? day : `${year + 1}-${monthAndDay}`;
}

function dayBefore(day: string): string {
  return new Date(Date.parse(day) - 86_400_000).toISOString().slice(0, 10);
}
