// The figures as somebody looks at them: charts and their tables, questions, and a gap that becomes knowledge.
import assert from "node:assert/strict";
import { apiOf } from "../desk.js";
import { assertAccessible, assertQuiet, gone, newPerson, PHONE } from "../person.js";
import { demo, serve } from "../server.js";

const ASKED = ["How do I add documents?", "Do you ship to Norway?", "Do you ship to Sweden?", "How do I embed the widget?"];

/** Three weeks of a busy desk over the server's answer, for what a demo of one minute cannot show. */
function busy(body) {
  const wave = (at, middle, swing) => Math.max(0, Math.round(middle + Math.sin(at / 2.4) * swing + ((at * 37) % 7) - 3));
  for (const [at, day] of body.days.entries()) {
    Object.assign(day, { conversations: wave(at, 24, 9), visitors: wave(at, 18, 8), handedOff: wave(at, 4, 2), messages: wave(at, 90, 30) });
    Object.assign(day, { answered: wave(at, 52, 14), notAnswered: wave(at + 2, 8, 4), ticketsCreated: wave(at, 6, 3), ticketsResolved: wave(at + 1, 6, 3) });
    Object.assign(day, { inputTokens: wave(at, 40, 14) * 1000, outputTokens: wave(at, 12, 5) * 1000 });
  }
  for (const name of Object.keys(body.totals)) {
    if (name !== "cost") body.totals[name] = body.days.reduce((sum, day) => sum + day[name], 0);
  }
  Object.assign(body, { resolutionRate: 0.82, ratings: { count: 64, average: 4.5, distribution: { 1: 2, 2: 3, 3: 5, 4: 18, 5: 36 } } });
  body.firstResponse = { medianSeconds: 1.4, p90Seconds: 4, humanMedianSeconds: 412, humanP90Seconds: 2000 };
  body.ticketsByStatus = { new: 4, open: 9, in_progress: 6, waiting_on_customer: 5, resolved: 31, closed: 88 };
  return body;
}

export default async function ({ browser, test, afterwards }) {
  const server = await demo();
  afterwards(server.stop);
  const api = await apiOf(server);
  const person = await newPerson(browser, server);
  afterwards(() => person.context.close());
  const { page } = person;
  const main = page.getByRole("main");
  const headers = { Authorization: `Bearer ${server.token}`, "Content-Type": "application/json" };
  for (const content of ASKED) {
    const body = JSON.stringify({ assistantId: server.assistantId, stream: false, messages: [{ role: "user", content }] });
    assert.equal((await fetch(`${server.url}/api/chat`, { method: "POST", headers, body })).status, 200);
  }
  const ticket = await api("POST", "/tickets", { subject: "Lamp arrived broken" });
  await api("PATCH", `/tickets/${ticket.id}`, { status: "resolved" });
  await page.goto(server.signInUrl);
  await page.getByRole("navigation", { name: "Main" }).first().waitFor();

  await test("the overview counts what was asked", async () => {
    await page.getByRole("link", { name: "Analytics", exact: true }).click();
    await main.getByText(/of \d+ questions/).waitFor();
    const chart = main.getByRole("img", { name: /^Answers by day/ });
    await chart.waitFor();
    assert.match(await chart.getAttribute("aria-label"), /Answered: \d+, Not answered: [1-9]/);
    await main.getByRole("region", { name: "Tickets now" }).getByText("Resolved").waitFor();
  });

  await test("each chart is a table as well", async () => {
    const answers = main.getByRole("region", { name: "Answers", exact: true }).first();
    await answers.getByRole("button", { name: /^As a table/ }).click();
    const rows = answers.getByRole("row");
    await rows.first().waitFor();
    assert.equal(await rows.count(), 32);
    await answers.getByRole("columnheader", { name: "Not answered" }).waitFor();
  });

  await test("the pointer over a day says its values", async () => {
    const chart = main.getByRole("img", { name: /^Conversations by day/ });
    const box = await chart.boundingBox();
    await page.mouse.move(box.x + box.width - 12, box.y + box.height / 2);
    await main.locator(".shadow-raised").getByText("Handed to people").waitFor();
    await page.mouse.move(0, 0);
  });

  await test("the days are chosen, stand in the address, and go along to the questions", async () => {
    await page.getByRole("button", { name: "7 days" }).click();
    await page.waitForURL("**/analytics?period=7d");
    await page.getByRole("link", { name: "Questions", exact: true }).click();
    await page.waitForURL("**/analytics/questions?period=7d");
    assert.equal(await page.getByRole("button", { name: "7 days" }).getAttribute("aria-pressed"), "true");
    await main.getByRole("heading", { name: /add documents/ }).waitFor();
    await main.getByText(/example/).first().click();
    await main.locator('a[href^="/inbox/"]').first().waitFor();
  });

  await test("the figures are downloaded as CSV", async () => {
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "Download CSV" }).click()]);
    assert.equal(download.suggestedFilename(), "questions.csv");
  });

  await test("a gap is answered, and the answer is knowledge", async () => {
    await page.getByRole("link", { name: "Gaps", exact: true }).click();
    const gap = main.getByRole("listitem").filter({ has: page.getByRole("heading", { name: /ship to/ }) }).first();
    await gap.getByRole("button", { name: "Make it knowledge" }).click();
    const dialog = page.getByRole("dialog");
    assert.match(await dialog.getByLabel("Question").inputValue(), /Do you ship to/);
    await dialog.getByLabel("Answer", { exact: true }).fill("We ship to every country of Europe.");
    await dialog.getByRole("button", { name: "Add to knowledge" }).click();
    await gone(dialog);
    await gap.getByText("Answered now").waitFor();
    const { data: projects } = await api("GET", "/projects");
    const pairs = await Promise.all(projects.map((project) => api("GET", `/projects/${project.id}/qa`)));
    assert.ok(pairs.some(({ data }) => data.some((pair) => pair.answer === "We ship to every country of Europe.")));
  });

  await test("what cannot be fetched is told, and fetched again on demand", async () => {
    await page.route("**/analytics?*", (route) => route.fulfill({ status: 500, contentType: "application/json", body: '{"error":"It broke.","code":"internal:api"}' }));
    await page.goto("/analytics");
    await main.getByText(/It broke/).waitFor();
    await page.unroute("**/analytics?*");
    await main.getByRole("button", { name: "Try again" }).click();
    await main.getByText(/of \d+ questions/).waitFor();
  });

  for (const [colorScheme, viewport] of [["light"], ["dark"], ["light", PHONE]]) {
    const where = `${colorScheme}${viewport ? ", on a phone" : ""}`;
    const reader = await newPerson(browser, { url: server.url, axe: true, colorScheme, ...(viewport ? { viewport } : {}) });
    await reader.context.addCookies(await person.context.cookies());
    await reader.page.route("**/analytics?*", async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, json: busy(await response.json()) });
    });
    await test(`the figures are accessible, ${where}`, async () => {
      for (const [name, path, ready] of [
        ["analytics", "/analytics", () => reader.page.getByRole("img", { name: /^Tokens by day/ }).waitFor()],
        ["questions", "/analytics/questions", () => reader.page.getByRole("heading", { name: /add documents/ }).waitFor()],
        ["gaps", "/analytics/gaps", () => reader.page.getByRole("button", { name: "Make it knowledge" }).first().waitFor()],
      ]) {
        await reader.page.goto(path);
        await ready();
        await assertAccessible(reader.page, name);
        const wide = await reader.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        assert.ok(wide <= 0, `${path} is ${wide} px too wide`);
      }
      await reader.page.goto("/analytics");
      await reader.page.getByRole("img", { name: /^Tokens by day/ }).waitFor();
      for (const table of await reader.page.getByRole("button", { name: /^As a table/ }).all()) await table.click();
      await assertAccessible(reader.page, "tables");
    });
    await reader.page.unrouteAll({ behavior: "wait" });
    await reader.context.close();
  }

  const empty = await serve();
  afterwards(empty.stop);
  await test("without anything to count it says when there will be", async () => {
    const owner = await newPerson(browser, empty);
    await owner.page.goto(empty.setUpUrl);
    await owner.page.getByLabel("Your name").fill("Ada Lovelace");
    await owner.page.getByLabel("Email").fill("ada@example.com");
    await owner.page.getByLabel("Password", { exact: true }).fill("a lamp in the dark");
    await owner.page.getByLabel("Workspace name").fill("Lamps & Co");
    await owner.page.getByRole("button", { name: "Create workspace" }).click();
    await owner.page.getByRole("heading", { name: "Hello, Ada" }).waitFor();
    await owner.page.goto("/analytics");
    await owner.page.getByRole("heading", { name: "Nothing to count yet" }).waitFor();
    await owner.page.getByRole("link", { name: "Gaps", exact: true }).click();
    await owner.page.getByRole("heading", { name: "No gaps" }).waitFor();
    assertQuiet(owner);
    await owner.context.close();
  });

  await test("nothing failed in the pages, and no policy was broken", async () => assertQuiet(person));
}
