// Trying out what assistants can use: actions, the web search, MCP servers. A server here plays the shop behind the actions,
// a SearXNG and an MCP server; the operator has set the SearXNG up for the whole server.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { assertAccessible, assertQuiet, gone, newPerson, PHONE } from "../person.js";
import { demo } from "../server.js";

async function outside() {
  const received = [];
  const say = (response, status, body) => {
    response.writeHead(status, { "content-type": "application/json" });
    response.end(body === undefined ? "" : JSON.stringify(body));
  };
  const page = { title: "How to dim an <strong>LED</strong> lamp", url: "https://lamps.example/dimming", content: "Use a dimmer made for LEDs." };
  const server = createServer(async (request, response) => {
    let text = "";
    for await (const piece of request) text += piece;
    received.push({ method: request.method, path: request.url, headers: request.headers, text });
    const url = new URL(request.url, "http://shop");
    if (url.pathname === "/search") {
      if (url.searchParams.get("q") === "broken") return say(response, 500, {});
      return say(response, 200, { results: url.searchParams.get("q").includes("lamp") ? [page, { ...page, title: "Lamps", url: "https://lamps.example/" }] : [] });
    }
    if (url.pathname === "/mcp") {
      if (request.method !== "POST") return say(response, 405, {});
      const { id, method } = JSON.parse(text);
      if (id === undefined) return say(response, 202);
      const inputSchema = { type: "object", required: ["name"], properties: { name: { type: "string" }, limit: { type: "integer" } } };
      const tools = [{ name: "find_lamp", description: "Finds a lamp in the shop.", inputSchema }, { name: "count_lamps", description: "Counts the lamps.", inputSchema: { type: "object" } }];
      if (method === "tools/list") return say(response, 200, { jsonrpc: "2.0", id, result: { tools } });
      return say(response, 200, { jsonrpc: "2.0", id, result: { protocolVersion: "2025-03-26", capabilities: { tools: {} }, serverInfo: { name: "lamps", version: "1" } } });
    }
    if (url.pathname === "/orders/A-1042") return say(response, 200, { order: "A-1042", state: "on its way", items: [{ lamp: "Arc 40", count: 2 }] });
    if (url.pathname.startsWith("/orders/")) return say(response, 404, { error: "There is no such order." });
    if (url.pathname === "/notes") return say(response, 204);
    say(response, 200, "x".repeat(40_000));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const stop = async () => {
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${server.address().port}`, received, stop };
}

export default async function ({ browser, test, afterwards }) {
  const world = await outside();
  afterwards(world.stop);
  const server = await demo({ ILLUMICHAT_EGRESS__ALLOW: "127.0.0.1/32", SEARXNG_BASE_URL: world.url });
  afterwards(server.stop);
  const person = await newPerson(browser, server);
  afterwards(() => person.context.close());
  const { page } = person;
  const dialog = page.getByRole("dialog");
  const request = dialog.locator("[data-request]");
  const send = () => dialog.getByRole("button", { name: "Send request" }).click();
  const headers = { Authorization: `Bearer ${server.token}`, "Content-Type": "application/json" };
  const api = async (path, body, method = "POST") => {
    const answer = await fetch(`${server.url}/api/workspaces/${server.workspaceId}${path}`, { method, headers, body: JSON.stringify(body) });
    assert.ok(answer.ok, `${path}: ${answer.status}`);
    return answer.json();
  };
  await api("/actions", {
    name: "find_order",
    description: "Finds an order by its number.",
    url: `${world.url}/orders/{number}`,
    secretHeaders: { "x-shop-key": "only-for-the-shop" },
    parameters: {
      type: "object",
      required: ["number"],
      properties: { number: { type: "string", description: "The order's number, such as A-1042" }, history: { type: "boolean" } },
    },
  });
  await api("/actions", {
    name: "leave_note",
    description: "Leaves a note for the workshop.",
    method: "POST",
    url: `${world.url}/notes`,
    parameters: {
      type: "object",
      required: ["text", "priority"],
      properties: {
        text: { type: "string", minLength: 3 },
        priority: { enum: ["low", "high"] },
        minutes: { type: "integer", maximum: 60 },
        price: { type: "number" },
        labels: { type: "array", items: { type: "string" } },
      },
    },
  });
  await api("/actions", { name: "read_all", description: "Reads everything.", url: `${world.url}/everything` });
  await api("/actions", { name: "call_nobody", description: "Reaches nobody.", url: "http://127.0.0.1:9/" });
  await api("/mcp-servers", { name: "Lamp shop", transport: "http", url: `${world.url}/mcp` });
  await page.goto(server.signInUrl);
  await page.getByRole("navigation", { name: "Main" }).first().waitFor();
  await page.goto("/settings/tools");

  await test("an action is tried: the request goes out, and the answer is shown", async () => {
    await page.getByRole("button", { name: "Try find_order" }).click();
    await send();
    await dialog.getByText("This argument is needed.").waitFor();
    assert.ok(!world.received.some(({ path }) => path.startsWith("/orders")));
    await dialog.getByLabel("number").fill("A-1042");
    await dialog.getByLabel("history").selectOption("Yes (true)");
    assert.equal(await request.innerText(), `GET ${world.url}/orders/A-1042?history=true`);
    await dialog.getByText("x-shop-key").waitFor();
    await send();
    await dialog.getByText("200", { exact: true }).waitFor();
    await dialog.getByText('"state": "on its way"').waitFor();
    const { path, headers } = world.received.at(-1);
    assert.equal(path, "/orders/A-1042?history=true");
    assert.equal(headers["x-shop-key"], "only-for-the-shop");
    assert.ok(!(await page.content()).includes("only-for-the-shop"));
  });

  await test("a refusal of the other side is a sentence", async () => {
    await dialog.getByLabel("number").fill("B 7/x");
    assert.match(await request.innerText(), /orders\/B%207%2Fx\?history=true$/);
    await send();
    await dialog.getByText(/The address answered 404 Not Found: .*There is no such order/).waitFor();
    assert.equal(world.received.at(-1).path, "/orders/B%207%2Fx?history=true");
    await page.keyboard.press("Escape");
    await gone(dialog);
    await page.getByRole("button", { name: "Try call_nobody" }).click();
    await dialog.getByText("This action takes no arguments.").waitFor();
    await send();
    await dialog.getByText("The address could not be reached, or must not be.").waitFor();
    await dialog.getByText("egress.allow").waitFor();
    await page.keyboard.press("Escape");
    await gone(dialog);
  });

  await test("what does not fit is said beside its argument, and nothing goes out", async () => {
    await page.getByRole("button", { name: "Try leave_note" }).click();
    const before = world.received.length;
    await dialog.getByLabel("text").fill("Hm");
    await dialog.getByLabel("minutes").fill("1.5");
    await dialog.getByLabel("price").fill("much");
    await dialog.getByLabel("labels").fill("warm, bright");
    await send();
    await dialog.getByText("This must be a whole number").waitFor();
    await dialog.getByText("This must be a number, such as").waitFor();
    await dialog.getByText("This is not JSON").waitFor();
    assert.equal(await dialog.locator("[aria-invalid=true]").count(), 4);
    await dialog.getByLabel("minutes").fill("90");
    await dialog.getByLabel("price").fill("1.5");
    await dialog.getByLabel("labels").fill('["warm", "bright"]');
    await dialog.getByLabel("priority").selectOption("high");
    await send();
    await dialog.getByText("Must be at least 3 characters.").waitFor();
    await dialog.getByLabel("text").fill("Please check the cable.");
    await send();
    await dialog.getByText("Must be at most 60.").waitFor();
    assert.equal(world.received.length, before);
    await dialog.getByLabel("minutes").fill("15");
    await send();
    await dialog.getByText("The answer has no content.").waitFor();
    const sent = JSON.parse(world.received.at(-1).text);
    assert.deepEqual(sent, { text: "Please check the cable.", priority: "high", minutes: 15, price: 1.5, labels: ["warm", "bright"] });
    await page.keyboard.press("Escape");
    await gone(dialog);
  });

  await test("of a long answer the beginning is shown that an assistant gets", async () => {
    await page.getByRole("button", { name: "Try read_all" }).click();
    await send();
    await dialog.getByText("an assistant gets this beginning of it").waitFor();
    await page.keyboard.press("Escape");
    await gone(dialog);
  });

  await test("the operator's web search is shown as theirs, and tried", async () => {
    await page.getByText("The operator has set up SearXNG").waitFor();
    assert.equal(await page.getByRole("button", { name: "Switch off" }).count(), 0);
    const search = page.getByLabel("Try the web search");
    await search.fill("how to dim a lamp");
    await search.press("Enter");
    await page.getByText("2 pages in").waitFor();
    await page.getByText("How to dim an LED lamp").waitFor();
    await page.getByText("Use a dimmer made for LEDs.").first().waitFor();
    await page.getByRole("link", { name: "https://lamps.example/dimming" }).waitFor();
    await search.fill("whales");
    await search.press("Enter");
    await page.getByText("Nothing was found.").waitFor();
    await search.fill("broken");
    await search.press("Enter");
    await page.getByText("The web search answered 500").waitFor();
  });

  await test("a web search of the workspace's own goes before it, and makes room again", async () => {
    await page.getByLabel("Provider").selectOption("searxng");
    await page.getByLabel("Address").fill(`${world.url}/own`);
    await page.getByRole("button", { name: "Switch on" }).click();
    await page.getByRole("button", { name: "Switch off" }).click();
    await dialog.getByRole("button", { name: "Switch off" }).click();
    await page.getByText("The operator has set up SearXNG").waitFor();
  });

  await test("an MCP server's tools come with their arguments", async () => {
    await page.getByRole("button", { name: "Test Lamp shop" }).click();
    await page.getByText("brings 2 tools").waitFor();
    await page.getByText("Arguments: name, limit?").waitFor();
    await page.getByText("No arguments", { exact: true }).waitFor();
  });

  await test("it fits on a phone, in the dark, and for everybody", async () => {
    for (const options of [{ colorScheme: "light" }, { colorScheme: "dark", viewport: PHONE }]) {
      const other = await newPerson(browser, { url: server.url, axe: true, ...options });
      await other.context.addCookies(await person.context.cookies());
      await other.page.goto("/settings/tools");
      await other.page.getByLabel("Try the web search").fill("lamp");
      await other.page.getByLabel("Try the web search").press("Enter");
      await other.page.getByText("2 pages in").waitFor();
      await assertAccessible(other.page, `web search ${options.colorScheme}`);
      await other.page.getByRole("button", { name: "Try leave_note" }).click();
      await other.page.getByRole("dialog").getByRole("button", { name: "Send request" }).click();
      await other.page.getByText("This argument is needed.").first().waitFor();
      await assertAccessible(other.page, `refused ${options.colorScheme}`);
      await other.page.keyboard.press("Escape");
      await other.page.getByRole("button", { name: "Try find_order" }).click();
      await other.page.getByRole("dialog").getByLabel("number").fill("A-1042");
      await other.page.getByRole("dialog").getByRole("button", { name: "Send request" }).click();
      await other.page.getByText("on its way").waitFor();
      await assertAccessible(other.page, `answered ${options.colorScheme}`);
      assert.ok(await other.page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "nothing is cut off");
      await other.context.close();
    }
    assertQuiet(person);
  });
}
