// Every page, light and dark, desktop and phone: no accessibility violations, nothing wider than the window; and the pictures
// for the README.
import assert from "node:assert/strict";
import { assertAccessible, DESKTOP, newPerson, PHONE, screenshot } from "../person.js";
import { demo, serve } from "../server.js";

export default async function ({ browser, test, screenshots, afterwards }) {
  const empty = await serve();
  afterwards(empty.stop);
  const server = await demo();
  afterwards(server.stop);
  // A title that is longer than a phone is wide.
  const question = "Which models can I use, and how do I switch from one to another one without anybody noticing it at all?";
  const asked = await fetch(`${server.url}/api/chat`, {
    method: "POST",
    headers: { Authorization: `Bearer ${server.token}`, "Content-Type": "application/json" },
    body: JSON.stringify({ assistantId: server.assistantId, stream: false, messages: [{ role: "user", content: question }] }),
  });
  assert.ok(asked.ok);

  for (const [scheme, viewport, size] of [
    ["light", DESKTOP, ""],
    ["dark", DESKTOP, ""],
    ["light", PHONE, "-phone"],
  ]) {
    const name = (page) => `${page}-${scheme}${size}`;
    const person = await newPerson(browser, { ...server, axe: true, colorScheme: scheme, viewport });
    const { page } = person;
    const look = (label, path, ready) =>
      test(`${label}, ${scheme}${size && ", on a phone"}`, async () => {
        if (path) await page.goto(path);
        await ready();
        await page.waitForLoadState("networkidle");
        await screenshot(page, screenshots, name(label.replaceAll(" ", "-")));
        await assertAccessible(page, label);
        assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${label} is wider than the window`);
      });
    const heading = (text) => () => page.getByRole("heading", { name: text, level: 1 }).waitFor();

    await look("setup", empty.setUpUrl, heading("Set up IllumiChat"));
    await look("signin", `${server.url}/signin`, heading("Sign in"));
    // The link is good for one use: the first person's session serves the others.
    if (server.cookies) {
      await person.context.addCookies(server.cookies);
      await page.goto(`${server.url}/`);
    } else {
      await page.goto(server.signInUrl);
      await page.getByRole("navigation", { name: "Main" }).first().waitFor({ state: "attached" });
      await heading(/./)();
      server.cookies = await person.context.cookies();
    }
    const at = (path) => server.url + path;
    await look("assistants", at("/assistants"), () => page.getByRole("main").locator('a[href^="/assistants/"]').first().waitFor());
    await look("assistant settings", at(`/assistants/${server.assistantId}`), () => page.getByRole("button", { name: /Ask|Send|Start/ }).or(page.getByLabel("Name", { exact: true })).first().waitFor());
    await look("test chat", null, async () => {
      if (size) await page.getByRole("button", { name: "Test chat" }).click();
      const log = page.getByRole("log");
      await log.getByRole("button").first().click();
      await log.getByText(/\d sources?/).waitFor({ timeout: 30_000 });
      await log.getByRole("button", { name: /^Source \d+: / }).first().click();
    });
    await look("new assistant", at("/assistants?new"), () => page.getByRole("dialog").waitFor());
    await look("knowledge", at("/knowledge"), () => page.getByRole("main").locator('a[href^="/knowledge/"]').first().waitFor());
    await look("documents", at(`/knowledge/${server.projectId}`), () => page.getByRole("main").locator('a[href*="/documents/"]').first().waitFor());
    await look("passages", null, async () => {
      await page.getByRole("main").locator('a[href*="/documents/"]').first().click();
      await page.getByRole("heading", { name: "Passages" }).waitFor();
    });
    await look("search", at(`/knowledge/${server.projectId}/search?q=How+do+I+add+documents`), () => page.getByText("Open document").first().waitFor());
    await look("project settings", at(`/knowledge/${server.projectId}/settings`), () => page.getByLabel("Name", { exact: true }).waitFor());
    await look("conversations", at("/conversations"), () => page.getByRole("main").locator('a[href^="/inbox/"]').first().waitFor());
    await look("conversation", null, async () => {
      await page.waitForLoadState("networkidle");
      await page.getByRole("main").locator('a[href^="/inbox/"]').first().click();
      await page.getByRole("log").getByRole("listitem").first().waitFor();
    });
    await look("receipt", null, async () => {
      await page.getByRole("button", { name: "Why this answer?" }).first().click();
      await page.getByRole("dialog").getByText("What was found").waitFor();
    });
    await look("home", at("/"), () => page.getByRole("region", { name: "At a glance" }).waitFor());
    await look("settings", at("/settings"), () => page.getByLabel("Workspace name").waitFor());
    await look("tokens", at("/settings/tokens"), () => page.getByRole("button", { name: "New token" }).first().waitFor());
    await look("models", at("/settings/models"), () => page.getByRole("button", { name: "Add provider" }).first().waitFor());
    await look("account menu", null, () => page.getByRole("button", { name: /^Account: / }).locator("visible=true").first().click());
    await look("not found", at("/nowhere"), heading("Not found"));
    await person.context.close();
  }
}
