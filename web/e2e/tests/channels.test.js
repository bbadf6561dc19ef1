// An assistant's ways to its visitors, its tools, its versions; and the webhooks. Twilio, an MCP server and the receiver of
// webhooks are played by a server here.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { assertAccessible, assertQuiet, gone, newPerson, PHONE, screenshot } from "../person.js";
import { demo } from "../server.js";

const NUMBER = "+15551234567";
const SID = `AC${"0123456789abcdef".repeat(2)}`;

/** Answers as Twilio, as an MCP server and as a receiver; keeps what was sent to the last. */
async function outside() {
  const received = [];
  const tools = [
    { name: "find_lamp", description: "Finds a lamp in the shop.", inputSchema: { type: "object", properties: {} } },
    { name: "count_lamps", description: "Counts the lamps.", inputSchema: { type: "object", properties: {} } },
  ];
  const say = (response, status, body, headers = {}) => {
    response.writeHead(status, { "content-type": "application/json", ...headers });
    response.end(body === undefined ? "" : JSON.stringify(body));
  };
  const server = createServer(async (request, response) => {
    let text = "";
    for await (const piece of request) text += piece;
    if (request.url.startsWith("/2010-04-01/")) {
      const [, token] = Buffer.from(request.headers.authorization.slice(6), "base64").toString().split(":");
      if (token !== "rightrightrightrightrightright00") return say(response, 401, {});
      return say(response, 200, { incoming_phone_numbers: [{ phone_number: NUMBER, capabilities: { sms: true, mms: true, voice: false } }] });
    }
    if (request.url === "/mcp") {
      if (request.method !== "POST") return say(response, 405, {});
      const { id, method } = JSON.parse(text);
      if (id === undefined) return say(response, 202);
      if (method === "tools/list") return say(response, 200, { jsonrpc: "2.0", id, result: { tools } });
      const result = { protocolVersion: "2025-03-26", capabilities: { tools: {} }, serverInfo: { name: "lamps", version: "1" } };
      return say(response, 200, { jsonrpc: "2.0", id, result });
    }
    received.push({ path: request.url, headers: request.headers, body: JSON.parse(text) });
    say(response, request.url === "/broken" ? 500 : 200, { thanks: true });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${server.address().port}`, received, stop: async () => server.close() };
}

export default async function ({ browser, test, afterwards, screenshots }) {
  const world = await outside();
  afterwards(world.stop);
  const before = { ...process.env };
  process.env.TWILIO_API_BASE = world.url;
  process.env.ILLUMICHAT_EGRESS__ALLOW = "127.0.0.1/32";
  const server = await demo();
  for (const name of ["TWILIO_API_BASE", "ILLUMICHAT_EGRESS__ALLOW"]) {
    if (before[name] === undefined) delete process.env[name];
    else process.env[name] = before[name];
  }
  afterwards(server.stop);
  const person = await newPerson(browser, server);
  afterwards(() => person.context.close());
  const { page } = person;
  const at = `/assistants/${server.assistantId}`;
  const api = async (path, method = "GET", body = undefined) => {
    const headers = { Authorization: `Bearer ${server.token}`, "Content-Type": "application/json" };
    const url = `${server.url}/api/workspaces/${server.workspaceId}${path}`;
    const answer = await fetch(url, { method, headers, body: body && JSON.stringify(body) });
    assert.ok(answer.ok, `${method} ${path}: ${answer.status}`);
    return answer.status === 204 ? null : answer.json();
  };
  const save = async () => {
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await gone(page.getByText("You have changes"));
  };
  /** The preview's button has this colour: what was typed has arrived there. */
  const painted = (colour) =>
    page.waitForFunction((wanted) => {
      const host = document.querySelector("iframe").contentDocument.body.lastElementChild;
      const button = host?.shadowRoot?.querySelector("button.l");
      return button && getComputedStyle(button).backgroundColor === wanted;
    }, colour);
  await page.goto(server.signInUrl);
  await page.getByRole("navigation", { name: "Main" }).first().waitFor();

  await test("the preview is the real chat, and follows what is typed", async () => {
    await page.goto(`${at}/widget`);
    const frame = page.frameLocator('iframe[title="Preview"]');
    await frame.getByRole("dialog", { name: "Illumi" }).waitFor();
    await page.getByLabel("Welcome message").fill("Ask me about lamps!");
    await frame.getByText("Ask me about lamps!").waitFor();
    await page.getByLabel("Word on the button").fill("Help");
    await frame.getByRole("button", { name: /^Help/ }).waitFor();
    await page.getByText("Replace texts").click();
    await page.getByLabel("Ask a question…", { exact: true }).fill("What would you like to know?");
    await frame.getByPlaceholder("What would you like to know?").waitFor();
    await page.getByLabel("Colour", { exact: true }).fill("#0a7d4f");
    await painted("rgb(10, 125, 79)");
  });

  await test("a colour that is hard to see is told", async () => {
    const note = page.getByRole("list", { name: "Contrast" });
    await note.getByText("Easy to see on a light page").waitFor();
    await page.getByLabel("Colour", { exact: true }).fill("#ffe600");
    await note.getByText("Hard to see on a light page").waitFor();
    await note.getByText("The text on it is black").waitFor();
    await painted("rgb(255, 230, 0)");
    await page.getByLabel("Colour", { exact: true }).fill("#0a7d4f");
    await painted("rgb(10, 125, 79)");
  });

  await test("a test question in the preview is answered, and no visitor's session is made", async () => {
    const frame = page.frameLocator('iframe[title="Preview"]');
    await frame.getByRole("dialog", { name: "Illumi" }).waitFor();
    await frame.getByPlaceholder("What would you like to know?").fill("How do I add documents?");
    await frame.getByPlaceholder("What would you like to know?").press("Enter");
    await frame.getByText("Sources", { exact: false }).first().waitFor({ timeout: 30_000 });
    const { data } = await api("/conversations?channel=widget");
    assert.equal(data.length, 0);
  });

  await test("the widget's settings are saved together", async () => {
    await page.getByRole("switch", { name: "Ask for contact details" }).check();
    await page.getByRole("switch", { name: "Before the first question" }).check();
    const frame = page.frameLocator('iframe[title="Preview"]');
    await frame.getByText("Tell us how to reach you.").waitFor();
    await page.getByRole("switch", { name: "Before the first question" }).uncheck();
    await page.getByRole("switch", { name: "Open tickets" }).check();
    // A file is taken in the preview too, and goes nowhere.
    await page.getByRole("switch", { name: "Send files" }).check();
    const [chooser] = await Promise.all([page.waitForEvent("filechooser"), frame.getByRole("button", { name: "Attach a file" }).click()]);
    await chooser.setFiles({ name: "lamp.txt", mimeType: "text/plain", buffer: Buffer.from("A lamp.") });
    await frame.getByRole("button", { name: "Remove lamp.txt" }).waitFor();
    await page.getByRole("switch", { name: "Ask for a person" }).check();
    await page.getByLabel("When nobody is there").fill("We are back at nine.");
    await save();
    const saved = await api(`/assistants/${server.assistantId}`);
    assert.equal(saved.widget.theme.primaryColor, "#0a7d4f");
    assert.equal(saved.widget.strings.placeholder, "What would you like to know?");
    assert.deepEqual(saved.widget.leadForm.fields, ["name", "email"]);
    assert.equal(saved.widget.tickets.enabled, true);
    assert.equal(saved.handoff.offlineMessage, "We are back at nine.");
    assert.deepEqual(saved.widget.domains, ["localhost", "127.0.0.1"]);
    await page.reload();
    assert.equal(await page.getByLabel("Word on the button").inputValue(), "Help");
    await screenshot(page, screenshots, "widget-settings");
  });

  await test("a domain with a path is refused at its field, an empty list is explained", async () => {
    await page.getByLabel("Allowed websites").fill("https://example.com/shop");
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await page.locator("[data-field-error]").waitFor();
    await page.getByLabel("Allowed websites").fill("");
    await page.getByText("every website can embed this assistant").waitFor();
    await page.getByRole("button", { name: "Discard" }).click();
  });

  await test("the identity secret is shown when it is made, and renewed", async () => {
    await page.getByRole("button", { name: "Make a new secret" }).click();
    const secret = page.getByRole("region", { name: "Secret", exact: true });
    const first = await secret.innerText();
    await page.getByRole("button", { name: "Make a new secret" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Make a new secret" }).click();
    await page.getByText("The secret is new").waitFor();
    assert.notEqual(await secret.innerText(), first);
  });

  await test("Twilio's account is tested, connected and disconnected", async () => {
    await page.goto(`${at}/sms`);
    await page.getByLabel("Account SID").fill("nonsense");
    await page.getByLabel("Auth token").fill("wrongwrongwrongwrongwrongwrong00");
    await page.getByLabel("Phone number").fill(NUMBER);
    await page.getByRole("button", { name: "Connect", exact: true }).click();
    await page.locator("[data-field-error]").waitFor();
    await page.getByLabel("Account SID").fill(SID);
    await page.getByRole("button", { name: "Test the account" }).click();
    await page.getByText("Twilio does not accept").waitFor();
    await page.getByLabel("Auth token").fill("rightrightrightrightrightright00");
    await page.getByRole("button", { name: "Test the account" }).click();
    await page.getByText("It can do: SMS, MMS.").waitFor();
    await page.getByRole("button", { name: "Connect", exact: true }).click();
    await page.getByText(`/api/sms/webhook/${server.assistantId}`).waitFor();
    assert.equal(await page.getByLabel("Auth token").inputValue(), "");
    await page.getByText("No messages yet").waitFor();
    await page.getByLabel("A conversation ends after").fill("60");
    await save();
    assert.equal((await api(`/assistants/${server.assistantId}/sms`)).data.sessionTimeoutMinutes, 60);
    await page.getByRole("button", { name: "Disconnect" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Disconnect" }).click();
    await page.getByRole("button", { name: "Connect", exact: true }).waitFor();
  });

  await test("a site gets a key that works, a new one, and goes", async () => {
    await page.goto(`${at}/sites`);
    await page.getByRole("button", { name: "New site" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Name").fill("Contact form");
    await dialog.getByLabel("Allowed websites").fill("no origin");
    await dialog.getByRole("button", { name: "Create site" }).click();
    await dialog.locator("[data-field-error]").waitFor();
    await dialog.getByLabel("Allowed websites").fill("");
    await dialog.getByRole("button", { name: "Create site" }).click();
    const shown = page.locator("[data-site-key]");
    const key = await shown.innerText();
    const config = () => fetch(`${server.url}/api/v1/chat/config`, { headers: { "X-Api-Key": key } });
    assert.equal((await config()).status, 200);
    await page.getByRole("button", { name: "Actions for Contact form" }).click();
    await page.getByRole("menuitem", { name: "Make a new key" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Make a new key" }).click();
    await page.getByText("The key is new").waitFor();
    assert.equal((await config()).status, 401);
    await page.getByRole("button", { name: "Actions for Contact form" }).click();
    await page.getByRole("menuitem", { name: "Delete site" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete site" }).click();
    await page.getByText("No site keys for this assistant").waitFor();
  });

  await test("an MCP server is added, lists its tools, and keeps its secret", async () => {
    await page.goto("/settings/tools");
    await page.getByRole("button", { name: "Add MCP server" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Name", { exact: true }).fill("Lamp shop");
    await dialog.getByLabel("Address").fill(`${world.url}/mcp`);
    await dialog.getByRole("button", { name: "Add", exact: true }).click();
    await dialog.getByLabel("Name 1").fill("authorization");
    await dialog.getByLabel("Value 1").fill("Bearer secret-of-the-shop");
    await dialog.getByRole("button", { name: "Add MCP server" }).click();
    await gone(dialog);
    await page.getByRole("button", { name: "Test Lamp shop" }).click();
    await page.getByText("brings 2 tools").waitFor();
    await page.getByText("Finds a lamp in the shop.").waitFor();
    assert.ok(!(await page.content()).includes("secret-of-the-shop"));
  });

  await test("an action is written, shows its request, and is refused where it is wrong", async () => {
    await page.getByRole("button", { name: "Add action" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Name", { exact: true }).fill("find order");
    await dialog.getByLabel("What it does").fill("Finds an order by its number.");
    await dialog.getByLabel("Address").fill("https://shop.example.com/orders/{number}");
    assert.match(await dialog.locator("[data-example]").innerText(), /^GET https:\/\/shop\.example\.com\/orders\//);
    await dialog.getByRole("button", { name: "Add action" }).click();
    await dialog.locator("[data-field-error]").waitFor();
    await dialog.getByLabel("Name", { exact: true }).fill("find_order");
    await dialog.getByRole("button", { name: "Add action" }).click();
    await gone(dialog);
    await page.getByText("find_order", { exact: true }).waitFor();
  });

  await test("the web search is switched on, its key kept, and off", async () => {
    await page.getByLabel("Provider").selectOption("tavily");
    await page.getByRole("button", { name: "Switch on" }).click();
    await page.locator("[data-field-error]").waitFor();
    await page.getByLabel("API key").fill("tvly-0123456789");
    await page.getByRole("button", { name: "Switch on" }).click();
    await page.getByText(/^Stored: .*6789/).waitFor();
    await page.getByRole("button", { name: "Switch off" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Switch off" }).click();
    await page.getByRole("button", { name: "Switch on" }).waitFor();
  });

  await test("an assistant is given tools: one of a server, for people here alone", async () => {
    await page.goto(`${at}/tools`);
    await page.getByRole("checkbox", { name: "Hand over to a person" }).check();
    await page.getByRole("checkbox", { name: "Open a ticket" }).check();
    await page.getByRole("checkbox", { name: "find_order" }).check();
    await page.getByRole("button", { name: "List its tools" }).click();
    await page.getByRole("checkbox", { name: "count_lamps" }).check();
    await page.getByLabel("For whom: count_lamps").selectOption("people");
    await save();
    const { tools } = await api(`/assistants/${server.assistantId}/tools`);
    assert.equal(tools.length, 4);
    assert.equal(tools.find(({ tool }) => tool.endsWith("/count_lamps")).visitors, false);
    await page.reload();
    assert.ok(await page.getByRole("checkbox", { name: "count_lamps" }).isChecked());
  });

  await test("versions tell what was changed, and an older one is restored", async () => {
    await page.goto(`${at}/versions`);
    await page.getByText("Ask me about lamps!").waitFor();
    await page.getByRole("button", { name: "Restore version 1" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Restore", exact: true }).click();
    await page.getByText("Restored as a new version").waitFor();
    const restored = await api(`/assistants/${server.assistantId}`);
    assert.notEqual(restored.welcomeMessage, "Ask me about lamps!");
  });

  await test("a member is let in, and out again", async () => {
    const { token } = await api("/invitations", "POST", { email: "grace@example.com", role: "member" }).then((made) => ({
      token: made.token ?? new URL(made.url ?? made.link).pathname.split("/").at(-1),
    }));
    const joined = await fetch(`${server.url}/api/invitations/${token}/accept`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ name: "Grace Hopper", password: "a nanosecond of wire" }),
    });
    assert.ok(joined.ok, `accept: ${joined.status}`);
    await page.goto(`${at}/access`);
    await page.getByLabel("Member").selectOption({ label: "Grace Hopper (grace@example.com)" });
    await page.getByRole("button", { name: "Give access" }).click();
    await page.getByRole("button", { name: "Take away the access of Grace Hopper" }).click();
    await page.getByText("Grace Hopper has no access any more").waitFor();
  });

  await test("who may not change an assistant is not offered to", async () => {
    const grace = await newPerson(browser, server);
    await grace.page.goto("/signin");
    await grace.page.getByLabel("Email").fill("grace@example.com");
    await grace.page.getByLabel("Password", { exact: true }).fill("a nanosecond of wire");
    await grace.page.getByRole("button", { name: "Sign in" }).click();
    await grace.page.getByRole("navigation", { name: "Main" }).first().waitFor();
    await grace.page.goto(at);
    await grace.page.getByRole("log").waitFor();
    assert.equal(await grace.page.getByRole("navigation", { name: "Parts of the assistant" }).count(), 0);
    for (const path of [`${at}/widget`, `${at}/sms`, `${at}/versions`, "/settings/tools", "/settings/webhooks"]) {
      await grace.page.goto(path);
      await grace.page.getByText("Only owners and admins").waitFor();
    }
    assert.equal(await grace.page.getByRole("link", { name: "Webhooks" }).count(), 0);
    assertQuiet(grace);
    await grace.context.close();
  });

  await test("a webhook shows its secret once, and a test arrives", async () => {
    await page.goto("/settings/webhooks");
    await page.getByRole("button", { name: "New webhook" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Address").fill("http://shop.example.com/hooks");
    await dialog.getByRole("button", { name: "Create webhook" }).click();
    await dialog.locator("[data-field-error]").waitFor();
    await dialog.getByLabel("Address").fill(`${world.url}/hooks`);
    await dialog.getByLabel("Only these events").check();
    await dialog.getByLabel("contact.created").check();
    await dialog.getByRole("button", { name: "Create webhook" }).click();
    const secret = await dialog.locator("[data-secret]").innerText();
    assert.match(secret, /^whsec_/);
    await dialog.getByRole("button", { name: "Done" }).click();
    await page.getByRole("heading", { name: `${world.url}/hooks` }).waitFor();
    assert.ok(!(await page.content()).includes(secret));
    await page.getByRole("button", { name: "Send a test" }).click();
    await page.getByText(/^It answered 200/).waitFor();
    assert.equal(world.received.at(-1).body.event, "webhook.test");
  });

  await test("what happens is delivered, looked at and sent again", async () => {
    await api("/contacts", "POST", { name: "Jane Doe", email: "jane@example.com" });
    await page.reload();
    const row = page.getByRole("main").getByRole("listitem").filter({ hasText: "contact.created" });
    await row.getByText("Delivered").waitFor();
    await row.getByRole("button", { name: /^Look at it/ }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("region", { name: "Request body" }).getByText("jane@example.com").waitFor();
    await dialog.getByRole("region", { name: "Request headers" }).getByText("webhook-signature").waitFor();
    await dialog.getByRole("region", { name: "Response body" }).getByText("thanks").waitFor();
    await dialog.getByRole("button", { name: "Close" }).click();
    const count = world.received.length;
    await row.getByRole("button", { name: /^Send again/ }).click();
    await row.getByText("2 attempts").waitFor();
    assert.equal(world.received.length, count + 1);
    assert.equal(world.received.at(-1).headers["webhook-id"], world.received.at(count - 1).headers["webhook-id"]);
    await screenshot(page, screenshots, "webhook");
  });

  await test("a webhook is switched off, gets a new secret, and goes", async () => {
    await page.getByRole("switch", { name: "Send what happens" }).uncheck();
    await page.getByText("Webhook switched off").waitFor();
    await page.getByRole("switch", { name: "Send what happens" }).check();
    await page.getByText("Webhook switched on").waitFor();
    await page.getByRole("button", { name: "New secret" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "New secret" }).click();
    await page.locator("[data-secret]").waitFor();
    await page.getByRole("button", { name: "Done" }).click();
    await page.getByRole("button", { name: "Delete", exact: true }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete", exact: true }).click();
    await page.getByRole("heading", { name: "No webhooks yet" }).waitFor();
  });

  await test("nothing failed in the pages, and no policy was broken", async () => assertQuiet(person));

  await api("/sites", "POST", { name: "Contact form", assistantId: server.assistantId });
  const hook = await api("/webhooks", "POST", { url: `${world.url}/broken`, events: ["*"], description: "The shop" });
  await api(`/webhooks/${hook.id}/test`, "POST");
  const { cookies } = await person.context.storageState();
  const paths = ["/widget", "/sms", "/sites", "/tools", "/access", "/versions"].map((part) => at + part);
  paths.push("/settings/tools", "/settings/webhooks", `/settings/webhooks/${hook.id}`);
  const dialogs = [
    [`${at}/sites`, "New site"],
    ["/settings/tools", "Add MCP server"],
    ["/settings/tools", "Edit Lamp shop"],
    ["/settings/tools", "Add action"],
    ["/settings/webhooks", "New webhook"],
    [`/settings/webhooks/${hook.id}`, "Look at it: webhook.test"],
    [`/settings/webhooks/${hook.id}`, "New secret"],
  ];
  for (const [look, options] of Object.entries({ light: {}, dark: { colorScheme: "dark" }, phone: { viewport: PHONE } })) {
    await test(`every page is accessible, and not too wide: ${look}`, async () => {
      const visitor = await newPerson(browser, { url: server.url, axe: true, ...options });
      await visitor.context.addCookies(cookies);
      for (const path of paths) {
        await visitor.page.goto(path);
        await visitor.page.getByRole("heading", { level: 1 }).waitFor();
        await visitor.page.waitForLoadState("networkidle");
        await assertAccessible(visitor.page, `${path}, ${look}`);
        const wide = await visitor.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        assert.ok(wide <= 0, `${path} is ${wide} px too wide`);
      }
      for (const [path, name] of dialogs) {
        await visitor.page.goto(path);
        await visitor.page.getByRole("button", { name, exact: true }).first().click();
        await visitor.page.getByRole("dialog").waitFor();
        await visitor.page.waitForLoadState("networkidle");
        await assertAccessible(visitor.page, `${path}, ${name}, ${look}`);
      }
      await visitor.context.close();
    });
  }
}
