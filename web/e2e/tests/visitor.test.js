// A visitor on a page of another origin: the demo's, which embeds the widget as a customer's page would.
import assert from "node:assert/strict";
import { assertAccessible, assertQuiet, newPerson, PHONE, screenshot } from "../person.js";
import { demo } from "../server.js";

const QUESTION = "How do I put the chat on my website?";

export default async function ({ browser, test, screenshots, afterwards }) {
  const server = await demo();
  afterwards(server.stop);
  const visitor = await newPerson(browser, server);
  afterwards(() => visitor.context.close());
  const { page } = visitor;

  /** Opens the chat and waits until it can be written in. */
  const open = async (where) => {
    await where.getByRole("button", { name: "Chat", exact: true }).or(where.locator("button.l")).first().click();
    await where.getByRole("textbox", { name: /./ }).waitFor();
  };
  const ask = async (where, question) => {
    const before = await where.locator(".assistant.done").count();
    await where.getByRole("textbox", { name: /./ }).fill(question);
    await where.keyboard.press("Enter");
    await where.locator(".assistant.done").nth(before).waitFor({ timeout: 30_000 });
  };
  /** Changes the assistant as its owner would. */
  const update = async (fields) => {
    const headers = { Authorization: `Bearer ${server.token}`, "Content-Type": "application/json" };
    const address = `${server.url}/api/workspaces/${server.workspaceId}/assistants/${server.assistantId}`;
    const answer = await fetch(address, { method: "PATCH", headers, body: JSON.stringify(fields) });
    assert.equal(answer.status, 200);
  };

  await test("a visitor asks, and reads the answer with its source", async () => {
    assert.notEqual(new URL(server.widgetPageUrl).origin, new URL(server.url).origin);
    await page.goto(server.widgetPageUrl);
    await open(page);
    await ask(page, QUESTION);
    const answer = page.locator(".assistant.done").last();
    assert.match(await answer.innerText(), /paste/i);
    await answer.getByText("Put the chat on your website").first().waitFor();
    await page.waitForTimeout(400);
    await screenshot(page, screenshots, "widget-light");
  });

  await test("the conversation is still there after a reload", async () => {
    await page.reload();
    // It comes back open, as it was left.
    await page.locator(".assistant.done").waitFor();
    assert.match(await page.locator(".user").first().innerText(), new RegExp(QUESTION.replace("?", "\\?")));
  });

  await test("what the documents do not say is not made up", async () => {
    await ask(page, "Who won the cycling race in Zanzibar in 1962?");
    assert.equal(await page.locator(".assistant.done").last().locator(".sources").count(), 0);
  });

  await test("nothing failed in the visitor's page, and no policy was broken", async () => assertQuiet(visitor));

  await test("the team reads it in the dashboard", async () => {
    const owner = await newPerson(browser, server);
    await owner.page.goto(server.signInUrl);
    await owner.page.getByRole("navigation", { name: "Main" }).first().waitFor();
    await owner.page.goto("/conversations");
    await owner.page.getByRole("link", { name: /Website/ }).first().click();
    const thread = owner.page.getByRole("article");
    await thread.getByText(QUESTION).first().waitFor();
    await thread.getByText(/\d sources?/).first().waitFor();
    assertQuiet(owner);
    await owner.context.close();
  });

  await test("the chat is a page of its own, too", async () => {
    const other = await newPerson(browser, server);
    await other.page.goto(`/chat/${server.assistantId}`);
    await ask(other.page, QUESTION);
    assert.match(await other.page.locator(".assistant.done").innerText(), /paste/i);
    assertQuiet(other);
    await other.context.close();
  });

  for (const [colorScheme, viewport] of [["light"], ["dark"], ["light", PHONE]]) {
    await test(`the page with its chat is accessible, ${colorScheme}${viewport ? ", on a phone" : ""}`, async () => {
      const person = await newPerson(browser, { ...server, axe: true, colorScheme, ...(viewport && { viewport }) });
      await person.page.goto(server.widgetPageUrl);
      await assertAccessible(person.page, "closed");
      await open(person.page);
      await ask(person.page, QUESTION);
      await assertAccessible(person.page, "answered");
      await person.context.close();
    });
  }

  await test("the button stands where the page's lines end, unless the operator has chosen a side", async () => {
    const side = async (dir) => {
      const person = await newPerson(browser, server);
      await person.page.addInitScript((value) => {
        new MutationObserver(() => (document.documentElement.dir = value)).observe(document, { childList: true });
      }, dir);
      await person.page.goto(server.widgetPageUrl);
      await person.page.waitForFunction(() => globalThis.IllumiChat?.getInstance()?.getState() === "ready");
      const { x } = await person.page.locator("button.l").boundingBox();
      await person.context.close();
      return x < 640 ? "left" : "right";
    };
    assert.equal(await side("ltr"), "right");
    assert.equal(await side("rtl"), "left");
    await update({ widget: { theme: { position: "right" } } });
    assert.equal(await side("rtl"), "right");
    await update({ widget: { theme: { position: null } } });
  });

  await test("a site that is not on the list gets no chat", async () => {
    await update({ widget: { domains: ["example.com"] } });
    const person = await newPerson(browser, server);
    const warned = person.page.waitForEvent("console", (message) => message.text().startsWith("IllumiChat: "));
    await person.page.goto(server.widgetPageUrl);
    assert.match((await warned).text(), /list of domains/);
    assert.equal(await person.page.locator("button.l").count(), 0);
    await person.context.close();
  });
}
