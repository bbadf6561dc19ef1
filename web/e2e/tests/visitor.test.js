// A visitor on a page of another origin: the demo's, which embeds the widget as a customer's page would.
import assert from "node:assert/strict";
import { assertAccessible, assertQuiet, gone, newPerson, PHONE, screenshot } from "../person.js";
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

  /** The owner's doings over the API. */
  const team = async (method, path, body) => {
    const headers = { Authorization: `Bearer ${server.token}`, "Content-Type": "application/json" };
    const address = `${server.url}/api/workspaces/${server.workspaceId}/${path}`;
    const answer = await fetch(address, { method, headers, ...(body && { body: JSON.stringify(body) }) });
    assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${answer.ok ? "" : await answer.text()}`);
    return answer.status === 204 ? null : answer.json();
  };
  /** A visitor's page for the tests that follow, with everything switched on. */
  const equip = async (more = {}) => {
    await update({
      handoff: { enabled: true },
      widget: { leadForm: { enabled: true, required: false, fields: [] }, tickets: { enabled: true }, uploads: { enabled: true }, ...more },
    });
    const person = await newPerson(browser, { ...server, axe: true });
    await person.page.goto(server.widgetPageUrl);
    return person;
  };
  const newest = async () => (await team("GET", "conversations?limit=1")).data[0];

  await test("a visitor rates an answer and says why, and the team reads it", async () => {
    const person = await equip();
    await open(person.page);
    await ask(person.page, QUESTION);
    await person.page.getByRole("button", { name: "Good answer" }).click();
    await person.page.getByRole("textbox", { name: /Tell us more/ }).fill("Just what I needed");
    await person.page.locator(".comment").getByRole("button", { name: "Send" }).click();
    await person.page.locator(".actions").getByText("Thank you for your feedback.").waitFor();
    const { id } = await newest();
    const { data } = await team("GET", `conversations/${id}/messages`);
    assert.equal(data.find(({ role }) => role === "assistant").feedback, 5);
    await person.page.reload();
    await person.page.locator('[aria-label="Good answer"][aria-pressed="true"]').waitFor();
    assertQuiet(person);
    await person.context.close();
  });

  await test("a form asks for an address before the chat, and opens a ticket in it", async () => {
    const person = await equip({ leadForm: { enabled: true, required: true, fields: ["name", "email"] } });
    const where = person.page;
    await where.locator("button.l").click();
    const form = where.getByRole("form", { name: "Before we start" });
    await form.getByLabel("Name").fill("Ada Vale");
    await form.getByLabel("Email").fill("ada@example.com");
    await assertAccessible(where, "the form");
    await form.getByRole("button", { name: "Start the chat" }).click();
    await where.locator(".event").getByText("Thank you. We have your details.").waitFor();
    await ask(where, QUESTION);
    const conversation = await newest();
    const contacts = await team("GET", "contacts?search=ada%40example.com");
    assert.equal(contacts.data[0].name, "Ada Vale");
    assert.equal(conversation.contactId, contacts.data[0].id);
    await where.getByRole("button", { name: "More options" }).click();
    await where.getByRole("button", { name: "Open a ticket" }).click();
    const ticket = where.getByRole("form", { name: "Open a ticket" });
    await ticket.getByLabel("Subject").fill("The button is not there");
    await ticket.getByLabel("Description").fill("On our page nothing shows.");
    await ticket.getByRole("button", { name: "Open a ticket" }).click();
    await where.locator(".event").getByText(/Your ticket has the number \d+/).waitFor();
    const { data } = await team("GET", "tickets?limit=1");
    assert.equal(data[0].subject, "The button is not there");
    assert.equal(data[0].conversationId, conversation.id);
    assertQuiet(person);
    await person.context.close();
  });

  await test("a visitor sends a file, and what cannot be sent is said", async () => {
    const person = await equip();
    const where = person.page;
    await open(where);
    const choose = async (files) => {
      const choosing = where.waitForEvent("filechooser");
      await where.getByRole("button", { name: "Attach a file" }).click();
      await (await choosing).setFiles(files);
    };
    await choose([{ name: "data.json", mimeType: "application/json", buffer: Buffer.from([0, 1, 2, 255]) }]);
    await where.getByText("data.json cannot be sent. Images, PDF and text files can.").waitFor();
    const pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNMTEz8DwAEOQH3nLnR4AAAAABJRU5ErkJggg==";
    await choose([
      { name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("Our site runs on Debian.") },
      { name: "shot.png", mimeType: "image/png", buffer: Buffer.from(pixel, "base64") },
    ]);
    await where.locator(".foot .files small").nth(1).waitFor();
    await where.keyboard.press("Escape");
    await where.locator("button.l").click();
    await where.getByRole("textbox", { name: /./ }).focus();
    await ask(where, QUESTION);
    await where.locator(".user .attached").getByText("notes.txt").waitFor();
    await where.locator(".user .attached img").waitFor();
    const address = await where.locator(".user .attached a").first().getAttribute("href");
    assert.equal(await (await fetch(address)).text(), "Our site runs on Debian.");
    const { id } = await newest();
    const { data } = await team("GET", `conversations/${id}/messages`);
    assert.deepEqual(data[0].attachments.map(({ filename }) => filename).sort(), ["notes.txt", "shot.png"]);
    assertQuiet(person);
    await person.context.close();
  });

  await test("a visitor asks for a person, who joins, types and answers in the same thread", async () => {
    const person = await equip();
    const where = person.page;
    await open(where);
    await ask(where, QUESTION);
    await where.getByRole("button", { name: "More options" }).click();
    await where.getByRole("button", { name: /Talk to a person/ }).click();
    await where.locator(".assistant").getByText(/Nobody is here right now|Someone is here/).waitFor();
    const { id, status } = await newest();
    assert.equal(status, "pending");
    await team("POST", `conversations/${id}/takeover`);
    await where.locator(".event").getByText("Demo owner has joined the conversation.").waitFor();
    await where.locator(".sub").getByText("Demo owner is answering").waitFor();
    await team("POST", `conversations/${id}/typing`, { typing: true });
    await where.locator(".content > .typing").getByText("Demo owner is writing…").waitFor();
    await team("POST", `conversations/${id}/replies`, { content: "Hello, what does your page show?" });
    await where.locator(".agent").getByText("Hello, what does your page show?").waitFor();
    await where.getByRole("textbox", { name: /./ }).fill("Nothing at all");
    await where.keyboard.press("Enter");
    await where.locator(".user").getByText("Nothing at all").waitFor();
    await where.getByText("Delivered. Somebody will answer here.").waitFor();
    await where.keyboard.press("Escape");
    await team("POST", `conversations/${id}/replies`, { content: "Is your domain on the list?" });
    await where.getByRole("button", { name: /1 unread/ }).click();
    await where.locator(".agent").nth(1).waitFor();
    await assertAccessible(where, "with a person");
    await screenshot(where, screenshots, "visitor-person");
    assert.equal(await where.locator(".agent").count(), 2);
    assert.equal(await where.locator(".user").count(), 2);
    await where.reload();
    await where.locator(".sub").getByText("Demo owner is answering").waitFor();
    assert.equal(await where.locator(".agent").count(), 2);
    await team("POST", `conversations/${id}/close`);
    await where.locator(".line").getByText("This conversation is closed.").waitFor();
    await where.getByRole("textbox", { name: /./ }).fill("One more thing");
    await where.keyboard.press("Enter");
    await gone(where.locator(".line"));
    assert.equal((await team("GET", `conversations/${id}`)).status, "open");
    assertQuiet(person);
    await person.context.close();
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
