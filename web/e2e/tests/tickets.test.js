// Tickets as an agent works through them: found, made, moved by hand and by keyboard, talked about, deleted.
import assert from "node:assert/strict";
import { apiOf } from "../desk.js";
import { assertAccessible, assertQuiet, gone, newPerson, PHONE, screenshot } from "../person.js";
import { demo } from "../server.js";

const WAITING = [
  ["Lamp arrived broken", "critical", "new"],
  ["Invoice for October is missing", "high", "open"],
  ["Cannot sign in on the phone", "normal", "in_progress"],
  ["Wants a quote for 40 lamps", "low", "waiting_on_customer"],
  ["Delivery address is wrong", "high", "new"],
  ["Bulb flickers after a week", "normal", "resolved"],
  ["Win a free cruise", "low", "spam"],
];

export default async function ({ browser, test, screenshots, afterwards }) {
  const server = await demo();
  afterwards(server.stop);
  const api = await apiOf(server);
  const person = await newPerson(browser, server);
  afterwards(() => person.context.close());
  const { page } = person;
  const main = page.getByRole("main");
  const row = (subject) => main.getByRole("row").filter({ hasText: subject });
  const column = (name) => page.getByRole("region", { name: "Board" }).getByRole("list", { name: new RegExp(`^${name}`) });
  const card = (name, subject) => column(name).getByRole("listitem").filter({ hasText: subject });
  const find = async (subject) => (await api("GET", `/tickets?q=${encodeURIComponent(subject)}`)).data[0];
  await page.goto(server.signInUrl);
  await page.getByRole("navigation", { name: "Main" }).first().waitFor();

  await test("without tickets the page says what one is, and makes the first", async () => {
    await page.getByRole("link", { name: "Tickets", exact: true }).first().click();
    await page.getByRole("heading", { name: "No tickets yet" }).waitFor();
    await page.getByRole("button", { name: "New ticket" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Subject").fill("x".repeat(301));
    await dialog.getByRole("button", { name: "Create ticket" }).click();
    await dialog.locator("[data-field-error]").waitFor();
    await dialog.getByLabel("Subject").fill("Question about warranty");
    await dialog.getByLabel("Description").fill("How long is it?");
    await dialog.getByLabel("Priority").selectOption("low");
    await dialog.getByRole("button", { name: "Create ticket" }).click();
    await page.getByRole("heading", { name: "#1 Question about warranty", level: 1 }).waitFor();
  });

  const contact = await api("POST", "/contacts", { name: "Grace Hopper", email: "grace@example.com" });
  const chat = await fetch(`${server.url}/api/chat`, {
    method: "POST",
    headers: { Authorization: `Bearer ${server.token}`, "Content-Type": "application/json" },
    body: JSON.stringify({ assistantId: server.assistantId, stream: false, messages: [{ role: "user", content: "My lamp arrived broken" }] }),
  });
  const { chatId } = await chat.json();
  for (const [subject, priority, status] of WAITING) {
    const linked = subject === "Lamp arrived broken" ? { contactId: contact.id, conversationId: chatId } : {};
    const ticket = await api("POST", "/tickets", { subject, priority, description: "They want this solved before Friday.", ...linked });
    if (status !== "new") await api("PATCH", `/tickets/${ticket.id}`, { status });
  }

  await test("the table shows what is unfinished, and is narrowed; the address keeps it", async () => {
    await page.goto("/tickets");
    await row("Lamp arrived broken").waitFor();
    assert.equal(await row("Bulb flickers").count(), 0);
    assert.equal(await row("free cruise").count(), 0);
    await page.getByLabel("Priority", { exact: true }).selectOption("high");
    await gone(row("Lamp arrived broken"));
    await page.reload();
    await row("Invoice for October").waitFor();
    assert.equal(await row("Lamp arrived broken").count(), 0);
    await page.getByLabel("Priority", { exact: true }).selectOption("");
    await page.getByLabel("Status", { exact: true }).selectOption("spam");
    await row("free cruise").waitFor();
    await page.getByLabel("Status", { exact: true }).selectOption("all");
    await row("Bulb flickers").waitFor();
    await page.getByRole("searchbox", { name: "Search tickets" }).fill("quote");
    await gone(row("Bulb flickers"));
    await row("quote for 40 lamps").waitFor();
  });

  await test("one takes a ticket, and finds it under what is one's own", async () => {
    await page.goto(`/tickets/${(await find("Invoice")).id}`);
    await page.getByRole("button", { name: "Take it" }).click();
    await gone(page.getByRole("button", { name: "Take it" }));
    await page.goto("/tickets?assignee=me");
    await row("Invoice for October").waitFor();
    assert.equal(await main.getByRole("row").count(), 2);
  });

  await test("a card is dragged to another column", async () => {
    await page.goto("/tickets?view=board");
    await card("New", "Delivery address").waitFor();
    await card("New", "Delivery address").dragTo(column("In progress"));
    await card("In progress", "Delivery address").waitFor();
    await page.getByText(/moved to In progress/).waitFor();
    assert.equal((await find("Delivery")).status, "in_progress");
    assert.equal(await card("New", "Delivery address").count(), 0);
  });

  await test("the keyboard moves a card by its menu, and stays on it", async () => {
    const { number } = await find("Delivery");
    await page.getByRole("button", { name: `Move ticket #${number}` }).focus();
    await page.keyboard.press("Enter");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await card("Open", "Delivery address").waitFor();
    await page.waitForFunction(() => document.activeElement?.textContent?.includes("Delivery address"));
    await page.reload();
    await card("Open", "Delivery address").waitFor();
  });

  await test("a move that the server refuses goes back, and says why", async () => {
    await page.route("**/tickets/tkt_*", (route) => (route.request().method() === "PATCH" ? route.abort() : route.fallback()));
    const { number } = await find("Delivery");
    await page.getByRole("button", { name: `Move ticket #${number}` }).click();
    await page.getByRole("menuitem", { name: "Move to Closed" }).click();
    await page.getByText(/cannot be reached/).waitFor();
    await card("Open", "Delivery address").waitFor();
    await page.unroute("**/tickets/tkt_*");
  });

  await test("a ticket leads to its contact and its conversation", async () => {
    await card("New", "Lamp arrived broken").getByRole("link").click();
    await page.getByRole("heading", { name: /Lamp arrived broken/, level: 1 }).waitFor();
    await main.getByRole("link", { name: /Grace Hopper/ }).waitFor();
    await main.locator(`a[href="/inbox/${chatId}"]`).waitFor();
    await main.getByText(/First answer due in/).waitFor();
  });

  await test("a reply goes to the customer, a note stays inside, and the target is met", async () => {
    await page.getByRole("radio", { name: "Reply to the customer" }).check();
    await page.getByLabel("Comment", { exact: true }).fill("A new one is on its way.");
    await page.getByRole("button", { name: "Send reply" }).click();
    await main.getByText("A new one is on its way.").waitFor();
    await page.getByRole("radio", { name: "Internal note" }).check();
    await page.getByLabel("Comment", { exact: true }).fill("Third one this week.");
    await page.getByLabel("Comment", { exact: true }).press("Control+Enter");
    await main.getByRole("listitem").filter({ hasText: "Third one this week." }).getByText("Internal").waitFor();
    await main.getByText("Met", { exact: true }).waitFor();
    await main.getByText(/Resolution due in/).waitFor();
    const { data } = await api("GET", `/conversations/${chatId}/messages`);
    assert.ok(data.some((message) => message.content === "A new one is on its way."));
    assert.ok(!data.some((message) => message.content === "Third one this week."));
  });

  await test("status, priority, subject and tags are changed, and the activity says from what to what", async () => {
    await page.getByLabel("Status", { exact: true }).selectOption("waiting_on_customer");
    await page.getByLabel("Priority", { exact: true }).selectOption("high");
    await page.getByRole("button", { name: /^Change Subject:/ }).click();
    await page.getByLabel("Subject", { exact: true }).fill("Lamp arrived in pieces");
    await page.getByLabel("Subject", { exact: true }).press("Enter");
    await page.getByRole("heading", { name: /Lamp arrived in pieces/, level: 1 }).waitFor();
    await page.getByLabel("Add a tag").fill("shipping");
    await page.getByLabel("Add a tag").press("Enter");
    await page.getByRole("button", { name: "Remove the tag shipping" }).waitFor();
    await page.getByRole("button", { name: "Activity" }).click();
    const activity = page.getByRole("list", { name: "Activity" });
    await activity.getByRole("listitem").filter({ hasText: /Status.*New.*became.*Waiting on customer/s }).waitFor();
    await activity.getByRole("listitem").filter({ hasText: /Priority.*Critical.*became.*High/s }).waitFor();
    await activity.getByRole("listitem").filter({ hasText: /Subject.*broken.*became.*pieces/s }).waitFor();
    await activity.getByText("Ticket created").waitFor();
    await page.getByRole("button", { name: "Comments" }).click();
  });

  await test("a comment half written is not lost by leaving", async () => {
    await page.getByLabel("Comment", { exact: true }).fill("We will");
    page.once("dialog", (dialog) => dialog.dismiss());
    await page.getByRole("link", { name: "Knowledge" }).first().click();
    assert.match(page.url(), /\/tickets\//);
    assert.equal(await page.getByLabel("Comment", { exact: true }).inputValue(), "We will");
    await page.getByLabel("Comment", { exact: true }).fill("");
  });

  await test("out of spam a ticket only opens", async () => {
    const [spam] = (await api("GET", "/tickets?status=spam")).data;
    await page.goto(`/tickets/${spam.id}`);
    await page.getByLabel("Status", { exact: true }).waitFor();
    assert.deepEqual(await page.getByLabel("Status", { exact: true }).locator("option").allInnerTexts(), ["Spam", "Open"]);
    await page.getByRole("button", { name: "Not spam" }).click();
    await gone(page.getByRole("button", { name: "Not spam" }));
  });

  await test("a ticket is deleted, after asking", async () => {
    await page.getByRole("button", { name: "More actions" }).click();
    await page.getByRole("menuitem", { name: "Delete ticket" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete ticket" }).click();
    await page.getByRole("heading", { name: "Tickets", level: 1 }).waitFor();
    assert.equal((await api("GET", "/tickets?q=cruise")).total, 0);
  });

  await test("a phone has a bar for what is needed most, and the rest behind More", async () => {
    await page.setViewportSize(PHONE);
    await page.goto("/tickets");
    const bar = page.getByRole("navigation", { name: "Main" }).locator("visible=true");
    await bar.getByRole("button", { name: "More" }).click();
    await page.getByRole("menuitem", { name: "Analytics" }).click();
    await page.getByRole("heading", { name: "Analytics", level: 1 }).waitFor();
    assert.equal(await bar.getByRole("link").count(), 4);
  });

  for (const [colorScheme, viewport] of [["light"], ["dark"], ["light", PHONE]]) {
    const where = `${colorScheme}${viewport ? ", on a phone" : ""}`;
    const reader = await newPerson(browser, { url: server.url, axe: true, colorScheme, ...(viewport ? { viewport } : {}) });
    await reader.context.addCookies(await person.context.cookies());
    await test(`tickets are accessible, ${where}`, async () => {
      const { id } = await find("Lamp arrived");
      for (const [name, path, ready] of [
        ["tickets", "/tickets", () => reader.page.getByRole("table").waitFor()],
        ["board", "/tickets?view=board", () => reader.page.getByRole("link", { name: /Invoice for October/ }).waitFor()],
        ["ticket", `/tickets/${id}`, () => reader.page.getByText("Third one this week.").waitFor()],
        ["new ticket", "/tickets?new", () => reader.page.getByRole("dialog").waitFor()],
      ]) {
        await reader.page.goto(path);
        await ready();
        if (name === "board" && !viewport) await screenshot(reader.page, screenshots, `tickets-board-${colorScheme}`);
        await assertAccessible(reader.page, name);
        const wide = await reader.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        assert.ok(wide <= 0, `${path} is ${wide} px too wide`);
      }
    });
    await reader.context.close();
  }

  await test("nothing failed in the pages, and no policy was broken", async () => assertQuiet(person));
}
