// The dashboard on the demo: editing with the server's errors at the fields, tokens, documents, the keyboard.
import assert from "node:assert/strict";
import { assertQuiet, gone, newPerson, PHONE } from "../person.js";
import { demo } from "../server.js";

export default async function ({ browser, test, afterwards }) {
  const server = await demo();
  afterwards(server.stop);
  const person = await newPerson(browser, server);
  afterwards(() => person.context.close());
  const { page } = person;

  await test("the sign-in link of the demo opens the dashboard", async () => {
    await page.goto(server.signInUrl);
    await page.getByRole("navigation", { name: "Main" }).first().waitFor();
    await page.getByText("At a glance").or(page.getByRole("region", { name: "At a glance" })).first().waitFor();
  });

  await test("the server's objection to a name is shown at the name", async () => {
    await page.goto("/assistants");
    await page.getByRole("button", { name: "New assistant" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Name", { exact: true }).fill("x".repeat(121));
    await dialog.getByRole("button", { name: "Create assistant" }).click();
    await dialog.locator("[data-field-error]").waitFor();
    const field = dialog.getByLabel("Name", { exact: true });
    assert.equal(await field.getAttribute("aria-invalid"), "true");
    const described = (await field.getAttribute("aria-describedby")).split(" ");
    assert.ok(described.some((id) => id.endsWith("-error")));
    await field.fill("Short enough");
    assert.equal(await dialog.locator("[data-field-error]").count(), 0);
    await dialog.getByRole("button", { name: "Create assistant" }).click();
    await page.getByRole("heading", { name: "Short enough", level: 1 }).waitFor();
  });

  await test("an assistant that is put on a site becomes public, which is said before", async () => {
    const parts = page.getByRole("navigation", { name: "Parts of the assistant" });
    await parts.getByRole("link", { name: "Website" }).click();
    await page.getByRole("switch", { name: "Chat on your website" }).check();
    await page.getByText("Saving makes this one public").waitFor();
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await page.getByText("Saved", { exact: true }).waitFor();
    await page.getByText(/data-assistant-id="ast_/).waitFor();
    await parts.getByRole("link", { name: "Settings" }).click();
  });

  await test("to hide an assistant whose widget is on is refused at its visibility", async () => {
    const field = page.getByLabel("Who may use it");
    await field.selectOption("private");
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await page.locator("[data-field-error]").waitFor();
    assert.equal(await field.getAttribute("aria-invalid"), "true");
    await page.getByRole("button", { name: "Discard" }).click();
    assert.equal(await field.inputValue(), "public");
  });

  await test("edits survive a reload, and Ctrl+S saves them", async () => {
    await page.getByLabel("Welcome message").fill("Good evening!");
    await page.getByRole("textbox", { name: "Suggested questions" }).fill("One?\n\n Two? ");
    await page.keyboard.press("Control+s");
    await gone(page.getByText("You have changes"));
    await page.reload();
    assert.equal(await page.getByLabel("Welcome message").inputValue(), "Good evening!");
    assert.equal(await page.getByRole("textbox", { name: "Suggested questions" }).inputValue(), "One?\nTwo?");
    await page.getByRole("log").getByRole("button", { name: "Two?" }).waitFor();
  });

  await test("leaving with unsaved changes asks first", async () => {
    await page.getByLabel("Welcome message").fill("Changed");
    page.once("dialog", (dialog) => dialog.dismiss());
    await page.getByRole("link", { name: "Knowledge" }).first().click();
    assert.match(page.url(), /\/assistants\//);
    await page.getByRole("button", { name: "Discard" }).click();
    await page.getByRole("link", { name: "Knowledge" }).first().click();
    await page.getByRole("heading", { name: "Knowledge", level: 1 }).waitFor();
  });

  await test("the demo's assistant answers with sources", async () => {
    await page.goto(`/assistants/${server.assistantId}`);
    await page.getByRole("log").getByRole("button").first().click();
    await page.getByRole("log").getByText(/\d sources?/).waitFor({ timeout: 30_000 });
  });

  await test("an answer can be stopped, and the chat started over", async () => {
    const log = page.getByRole("log");
    // Held back here, so that there is something to stop however quick the server is.
    let release = () => undefined;
    await page.route("**/api/chat", async (route) => {
      await new Promise((resolve) => (release = resolve));
      await route.abort().catch(() => undefined);
    });
    await page.getByLabel("Ask a question").fill("And then?");
    await page.getByRole("button", { name: "Send" }).click();
    await page.getByRole("button", { name: "Stop the answer" }).click();
    await log.getByText("Stopped.").waitFor();
    release();
    await page.unroute("**/api/chat");
    await page.getByRole("button", { name: "Start over" }).click();
    await gone(log.getByText("Stopped."));
  });

  await test("a broken connection is told, and trying again answers", async () => {
    const log = page.getByRole("log");
    await page.route("**/api/chat", (route) => route.abort());
    await page.getByLabel("Ask a question").fill("How do I add documents?");
    await page.getByLabel("Ask a question").press("Enter");
    await log.getByText("cannot be reached").waitFor();
    await page.unroute("**/api/chat");
    await log.getByRole("button", { name: "Try again" }).click();
    await log.getByText(/\d sources?/).waitFor({ timeout: 30_000 });
  });

  await test("a conversation opens whichever of its two answers comes first", async () => {
    for (const late of [/\/conversations\/chat_\w+$/, /\/messages\?/]) {
      await page.route(late, async (route) => {
        if (route.request().resourceType() !== "fetch") return route.fallback();
        await new Promise((resolve) => setTimeout(resolve, 300));
        await route.continue();
      });
      // The old address of all conversations leads to all of the inbox.
      await page.goto("/conversations");
      await page.waitForURL("**/inbox?*");
      await page.getByRole("main").locator('a[href^="/inbox/"]').first().click();
      await page.getByRole("article").getByRole("log").waitFor();
      await page.unrouteAll({ behavior: "wait" });
    }
  });

  await test("a long conversation shows its earlier messages on demand", async () => {
    const headers = { Authorization: `Bearer ${server.token}`, "Content-Type": "application/json" };
    const ask = async (body) => {
      const answer = await fetch(`${server.url}/api/chat`, { method: "POST", headers, body: JSON.stringify({ assistantId: server.assistantId, stream: false, ...body }) });
      assert.equal(answer.status, 200);
      return answer.json();
    };
    const { chatId } = await ask({ messages: [{ role: "user", content: "The very first question" }] });
    for (let count = 2; count <= 52; count += 1) await ask({ chatId, messages: [{ role: "user", content: `Question ${count}` }] });
    await page.goto(`/conversations/${chatId}`);
    await page.waitForURL(`**/inbox/${chatId}`);
    const messages = page.getByRole("log").locator("> ol > li");
    await messages.first().waitFor();
    assert.equal(await messages.count(), 100);
    const more = page.getByRole("button", { name: "Show earlier messages" });
    await more.click();
    await gone(more);
    assert.equal(await messages.count(), 104);
    assert.match(await messages.first().innerText(), /The very first question/);
  });

  await test("an empty file is refused in words", async () => {
    await page.goto(`/knowledge/${server.projectId}`);
    await page.getByText(/\d+ documents/).first().waitFor();
    await page.locator('input[type="file"]').setInputFiles({ name: "empty.md", mimeType: "text/markdown", buffer: Buffer.alloc(0) });
    await page.getByText(/empty/i).last().waitFor();
  });

  await test("a document shows its passages", async () => {
    await page.goto(`/knowledge/${server.projectId}`);
    await page.getByRole("main").locator('a[href*="/documents/"]').first().click();
    await page.getByRole("heading", { name: "Passages" }).waitFor();
    assert.ok((await page.getByRole("main").locator("ol > li").count()) > 0);
  });

  await test("a document is deleted, after asking", async () => {
    await page.goto(`/knowledge/${server.projectId}`);
    const links = page.getByRole("main").locator('a[href*="/documents/"]');
    await links.first().waitFor();
    const title = await links.first().innerText();
    await page.getByRole("button", { name: `Actions for ${title}` }).click();
    await page.getByRole("menuitem", { name: "Delete" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("button", { name: "Delete", exact: true }).click();
    await gone(dialog);
    await gone(links.filter({ hasText: title }));
  });

  await test("a token is made, shown once, and revoked", async () => {
    await page.goto("/settings/tokens");
    await page.getByRole("button", { name: "New token" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Name").fill("Nightly import");
    await dialog.getByRole("button", { name: "Create token" }).click();
    const secret = await dialog.locator("[data-token]").innerText();
    assert.match(secret, /^ic_[A-Za-z0-9]{40}$/);
    const listed = await fetch(`${server.url}/api/workspaces`, { headers: { Authorization: `Bearer ${secret}` } });
    assert.ok(listed.status === 200 || process.env.ILLUMICHAT_MOCK, `the token answers ${listed.status}`);
    await dialog.getByRole("button", { name: "Done" }).click();
    assert.ok(!(await page.content()).includes(secret));
    await page.getByRole("button", { name: "Revoke Nightly import" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Revoke" }).click();
    await gone(page.getByText("Nightly import"));
  });

  await test("the workspace is renamed", async () => {
    await page.goto("/settings");
    await page.getByLabel("Workspace name").fill("Bright Ideas");
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await page.getByRole("main").page().getByText("Bright Ideas").first().waitFor();
  });

  await test("German speaks German, and stays", async () => {
    await page.getByRole("button", { name: /^Account: / }).first().click();
    await page.getByRole("menuitemradio", { name: "Deutsch" }).click();
    await page.getByRole("heading", { name: "Einstellungen" }).waitFor();
    assert.equal(await page.evaluate(() => document.documentElement.lang), "de");
    await page.reload();
    await page.getByRole("heading", { name: "Einstellungen" }).waitFor();
    await page.getByRole("button", { name: /^Konto: / }).first().click();
    await page.getByRole("menuitemradio", { name: "English" }).click();
    await page.getByRole("heading", { name: "Settings" }).waitFor();
  });

  await test("the keyboard alone opens a menu, walks it and comes back", async () => {
    const button = page.getByRole("button", { name: /^Account: / }).first();
    await button.focus();
    await page.keyboard.press("Enter");
    await page.keyboard.press("End");
    assert.equal(await page.evaluate(() => document.activeElement?.textContent?.trim()), "Sign out");
    await page.keyboard.press("Escape");
    assert.ok(await button.evaluate((element) => element === document.activeElement));
  });

  await test("an unknown address says so", async () => {
    await page.goto("/nowhere/at/all");
    await page.getByRole("heading", { name: "There is nothing at this address" }).waitFor();
    await page.goto("/assistants/ast_00000000000000000000");
    await page.getByRole("alert").waitFor();
  });

  await test("nothing is wider than a phone", async () => {
    await page.setViewportSize(PHONE);
    for (const path of ["/", "/assistants", `/assistants/${server.assistantId}`, `/knowledge/${server.projectId}`, `/knowledge/${server.projectId}/search?q=token`, "/inbox", "/conversations", "/settings", "/settings/macros", "/settings/models"]) {
      await page.goto(path);
      await page.getByRole("heading", { level: 1 }).waitFor();
      await page.waitForLoadState("networkidle");
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(wide <= 0, `${path} is ${wide} px too wide`);
    }
  });

  await test("nothing failed in the pages, and no policy was broken", async () => assertQuiet(person));
}
