// The sample programs of the API's documentation, as they stand there: the browser page, the Express proxy behind it, the
// reading of the stream and the retrying. What a developer fills in (the assistant's id, the token, the server's address)
// is filled in from outside; no line of theirs is changed.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { demo } from "../server.js";

const here = resolve(fileURLToPath(import.meta.url), "../..");
const text = readFileSync(join(here, "../../tests/samples/custom-chat.txt"), "utf8");

/** What stands in the documentation from `first` up to and with `last`. */
function sample(first, last) {
  const from = text.indexOf(first);
  const to = text.indexOf(last, from);
  assert.ok(from >= 0 && to >= 0, `the documentation has no sample from ${first} to ${last}`);
  return text.slice(from, to + last.length);
}

const page = sample("<!DOCTYPE html>", "</html>");
const proxy = sample("import express from 'express';", "console.log('Proxy running on port 3001'));");
const parsing = sample("async function sendMessage(messages) {", "\n}\n");
const retrying = sample("async function sendWithRetry(messages, maxRetries = 3) {", "\n}\n");

// The sample names its own port and the address of the hosted product: both are led elsewhere beneath it.
const beneath = `
  import { Server } from "node:net";
  const { listen } = Server.prototype;
  Server.prototype.listen = function (port, ...rest) {
    this.once("listening", () => console.log("listening on " + this.address().port));
    return listen.call(this, port === 3001 ? 0 : port, ...rest);
  };
  const real = globalThis.fetch;
  globalThis.fetch = (url, init) => real(String(url).replace("https://beta.illumichat.com", process.env.ILLUMICHAT_URL), init);
`;

/** Runs the proxy sample; resolves to its address when it says that it runs. */
async function startProxy(server) {
  const child = spawn(process.execPath, ["--import", `data:text/javascript,${encodeURIComponent(beneath)}`, "--input-type=module", "--eval", proxy], {
    cwd: here,
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, ILLUMICHAT_API_TOKEN: server.token, ILLUMICHAT_URL: server.url },
  });
  let said = "";
  const port = await new Promise((resolve, reject) => {
    child.once("exit", (code) => reject(new Error(`the proxy ended with code ${code}`)));
    child.stdout.on("data", (bytes) => {
      said += bytes;
      const port = said.match(/listening on (\d+)/)?.[1];
      if (port && said.includes("Proxy running")) resolve(port);
    });
  });
  return { url: `http://127.0.0.1:${port}`, stop: async () => void child.kill() };
}

export default async function ({ browser, test, afterwards }) {
  const server = await demo();
  afterwards(server.stop);
  const running = await startProxy(server);
  afterwards(running.stop);
  const context = await browser.newContext();
  afterwards(() => context.close());
  const open = async () => {
    const tab = await context.newPage();
    const html = page.replace("your-assistant-id", server.assistantId);
    await tab.route("**/chat.html", (route) => route.fulfill({ contentType: "text/html", body: html }));
    await tab.goto(`${running.url}/chat.html`);
    return tab;
  };
  const api = async (path) => (await fetch(`${server.url}/api/workspaces/${server.workspaceId}${path}`, { headers: { Authorization: `Bearer ${server.token}` } })).json();

  await test("the sample page asks through the sample proxy and shows the answer", async () => {
    const tab = await open();
    await tab.locator("#user-input").fill("How do I connect a project to an assistant?");
    await tab.getByRole("button", { name: "Send" }).click();
    await tab.waitForFunction(() => globalThis.eval("history").length === 2);
    const answer = await tab.locator(".message.assistant").last().textContent();
    assert.ok(answer.length > 20, answer);
    await tab.locator("#user-input").fill("Thanks!");
    await tab.locator("#user-input").press("Enter");
    await tab.waitForFunction(() => globalThis.eval("history").length === 4);
    // The page sends its whole history each time; for the server it is one conversation.
    const { data } = await api("/conversations?channel=api");
    assert.equal(data.length, 1);
    const messages = (await api(`/conversations/${data[0].id}/messages`)).data;
    assert.deepEqual(messages.map(({ role }) => role), ["user", "assistant", "user", "assistant"]);
    assert.equal(messages[1].content, answer);
  });

  await test("the sample reader gets every event whole, and the sample retries get through", async () => {
    const tab = await open();
    let attempts = 0;
    await tab.route("**/api/chat-proxy", (route) => (++attempts < 3 ? route.abort() : route.continue()));
    await tab.evaluate((code) => {
      globalThis.seen = [];
      globalThis.updateUI = (said) => globalThis.seen.push(said);
      globalThis.showToolIndicator = () => undefined;
      globalThis.finalizeMessage = (said) => (globalThis.final = said);
      globalThis.eval(code);
    }, `${parsing}\n${retrying}\nglobalThis.sendWithRetry = sendWithRetry;`.replace("asst_abc123", server.assistantId));
    await tab.evaluate(() => globalThis.sendWithRetry([{ role: "user", content: "How large may a file be?" }]));
    const { seen, final } = await tab.evaluate(() => ({ seen: globalThis.seen, final: globalThis.final }));
    assert.equal(attempts, 3);
    assert.ok(seen.length > 1 && final.length > 20, `${seen.length} pieces, ${final}`);
    assert.equal(seen.at(-1), final);
    seen.reduce((before, now) => (assert.ok(now.startsWith(before)), now), "");
  });

  await test("the sample proxy passes errors on as they are", async () => {
    const refused = await fetch(`${running.url}/api/chat-proxy`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ assistantId: "ast_none", messages: [{ role: "user", content: "Hello" }] }),
    });
    assert.equal((await refused.json()).code, "not_found:chat");
  });
}
