// From an empty machine to the first cited answer, as the person does it who has just started the server.
import assert from "node:assert/strict";
import { assertQuiet, newPerson } from "../person.js";
import { serve } from "../server.js";

const GUIDE = `# Returns

## How long

You can return any lamp within 45 days of delivery, as long as it is complete.

## Who pays

We pay the postage for returns within Europe. Outside Europe the customer pays it.
`;

export default async function ({ browser, test, afterwards }) {
  const server = await serve();
  afterwards(server.stop);
  const person = await newPerson(browser, server);
  afterwards(() => person.context.close());
  const { page } = person;
  const account = { name: "Ada Lovelace", email: "ada@example.com", password: "a lamp in the dark" };

  await test("an address inside leads to the sign-in", async () => {
    await page.goto("/knowledge");
    await page.waitForURL("**/signin?next=*");
  });

  await test("the set-up says at the field that a password is too short", async () => {
    await page.goto(server.setUpUrl);
    await page.getByLabel("Your name").fill(account.name);
    await page.getByLabel("Email").fill(account.email);
    await page.getByLabel("Password", { exact: true }).fill("short");
    await page.getByLabel("Workspace name").fill("Lamps & Co");
    await page.getByRole("button", { name: "Create workspace" }).click();
    const field = page.getByLabel("Password", { exact: true });
    await page.locator("[data-field-error]").waitFor();
    assert.equal(await field.getAttribute("aria-invalid"), "true");
  });

  await test("the set-up makes the owner, who lands on the checklist", async () => {
    await page.getByLabel("Password", { exact: true }).fill(account.password);
    await page.getByRole("button", { name: "Create workspace" }).click();
    await page.getByRole("heading", { name: "Hello, Ada" }).waitFor();
    await page.getByText("0 of 5").waitFor();
  });

  await test("a project is made", async () => {
    await page.getByRole("link", { name: /Add what you know/ }).click();
    await page.getByLabel("Name", { exact: true }).fill("Help centre");
    await page.getByRole("button", { name: "Create project" }).click();
    await page.getByRole("heading", { name: "Help centre" }).waitFor();
  });

  await test("files are uploaded, and become ready", async () => {
    await page.locator('input[type="file"]').setInputFiles([
      { name: "returns.md", mimeType: "text/markdown", buffer: Buffer.from(GUIDE) },
      { name: "bulbs.txt", mimeType: "text/plain", buffer: Buffer.from("Our bulbs last 15,000 hours. They fit an E27 socket.") },
    ]);
    await page.getByText("2 documents", { exact: true }).waitFor();
    await page.waitForFunction(() => document.body.innerText.match(/\bReady\b/g)?.length === 2, null, { timeout: 60_000 });
  });

  await test("text is pasted, and is a document", async () => {
    await page.getByRole("button", { name: "Paste text" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Title").fill("Delivery");
    await dialog.getByLabel("Text", { exact: true }).fill("Parcels are delivered in three working days.");
    await dialog.getByRole("button", { name: "Add document" }).click();
    await page.getByRole("link", { name: "Delivery" }).waitFor();
    await page.waitForFunction(() => document.body.innerText.match(/\bReady\b/g)?.length === 3, null, { timeout: 60_000 });
  });

  await test("the search shows both ranks", async () => {
    await page.getByRole("link", { name: "Search", exact: true }).click();
    await page.getByLabel("Question or words").fill("How long can I return a lamp?");
    await page.getByRole("button", { name: "Search" }).click();
    const first = page.getByRole("listitem").filter({ hasText: "45 days" }).first();
    await first.waitFor();
    assert.match(await first.innerText(), /Words[\s\S]*Meaning/);
  });

  await test("an assistant is made, connected to the project", async () => {
    await page.goto("/");
    await page.getByRole("link", { name: /Create an assistant/ }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Name", { exact: true }).fill("Lampion");
    await dialog.getByLabel(/Help centre/).check();
    await dialog.getByRole("button", { name: "Create assistant" }).click();
    await page.getByRole("heading", { name: "Lampion", level: 1 }).waitFor();
    await page.getByLabel("Help centre", { exact: true }).and(page.locator(":checked")).waitFor();
  });

  await test("a question is answered from the document, with its source", async () => {
    await page.getByLabel("Ask a question").fill("How many days do I have to return a lamp?");
    await page.getByLabel("Ask a question").press("Enter");
    const log = page.getByRole("log");
    await log.getByText(/\d sources?/).waitFor({ timeout: 30_000 });
    assert.match(await log.innerText(), /45 days/);
    await log.getByRole("button", { name: /^Source \d+: / }).first().click();
    await log.locator("details[open] blockquote").first().waitFor();
    assert.match(await log.locator("details[open] blockquote").first().innerText(), /\w/);
  });

  await test("the conversation is kept, with its sources", async () => {
    await page.getByRole("link", { name: "Inbox" }).first().click();
    await page.getByRole("button", { name: "Show everything" }).click();
    await page.getByRole("link", { name: /Lampion/ }).first().click();
    const thread = page.getByRole("article");
    await thread.getByText(/45 days/).first().waitFor();
    await thread.getByText(/\d sources?/).waitFor();
  });

  await test("the checklist has come to its last step", async () => {
    await page.goto("/");
    await page.getByText("4 of 5").waitFor();
  });

  await test("signing out closes every door", async () => {
    await page.getByRole("button", { name: "Account: Ada Lovelace" }).first().click();
    await page.getByRole("menuitem", { name: "Sign out" }).click();
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
    await page.goto("/assistants");
    await page.waitForURL("**/signin?next=*");
  });

  await test("a wrong password is refused, the right one goes on where one wanted to", async () => {
    await page.getByLabel("Email").fill(account.email);
    await page.getByLabel("Password", { exact: true }).fill("not the password");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("alert").getByText("do not belong together").waitFor();
    await page.getByLabel("Password", { exact: true }).fill(account.password);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("heading", { name: "Assistants" }).waitFor();
  });

  await test("nothing failed in the pages, and no policy was broken", async () => assertQuiet(person));
}
