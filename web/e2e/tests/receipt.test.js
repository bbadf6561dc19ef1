// Where an answer came from, as its receipt tells it: an answer of a scripted model that used a tool, a follow-up question,
// and a turn that the built-in answerer took over.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { apiOf } from "../desk.js";
import { startModel } from "../llm.js";
import { assertAccessible, assertQuiet, gone, newPerson, PHONE } from "../person.js";
import { demo } from "../server.js";

const ADDED = "Add documents to an IllumiChat project in one of three ways: drop files onto its page, paste a text, or use the command line.";

function script(messages) {
  const [first] = messages;
  const last = messages.at(-1);
  const text = JSON.stringify(last.content ?? "");
  if (first.content.startsWith("You write search queries")) return { text: "Can documents be added from the command line?" };
  if (first.content.startsWith("Name what this conversation")) return { text: "Adding documents" };
  if (text.includes("never mind")) return { status: 401 };
  if (last.role === "tool") return { text: ADDED };
  if (text.includes("How do I add documents")) return { tool: "find_order", arguments: { number: "A-1042" } };
  return { text: ADDED };
}

export default async function ({ browser, test, afterwards }) {
  const model = await startModel(script);
  afterwards(model.stop);
  const shop = createServer((_, response) => response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ order: "A-1042", state: "on its way" })));
  await new Promise((resolve) => shop.listen(0, "127.0.0.1", resolve));
  afterwards(async () => {
    shop.closeAllConnections();
    shop.close();
  });
  const server = await demo({ ILLUMICHAT_EGRESS__ALLOW: "127.0.0.1/32", OPENAI_API_KEY: "sk-scripted", OPENAI_BASE_URL: model.url });
  afterwards(server.stop);
  const api = await apiOf(server);
  const parameters = { type: "object", required: ["number"], properties: { number: { type: "string" } } };
  const action = await api("POST", "/actions", { name: "find_order", description: "Finds an order by its number.", url: `http://127.0.0.1:${shop.address().port}/orders/{number}`, parameters });
  await api("PUT", `/assistants/${server.assistantId}/tools`, { tools: [{ tool: action.id }] });
  await api("PATCH", `/assistants/${server.assistantId}`, { model: "openai/scripted" });
  await api("PATCH", "", { settings: { modelPrices: { "openai/scripted": { input: 1000, output: 2000 } } } });
  const person = await newPerson(browser, server);
  afterwards(() => person.context.close());
  const { page } = person;
  const dialog = page.getByRole("dialog");
  const fact = (name) => dialog.locator(`dt:text-is("${name}") + dd`);
  const ask = async (question, at) => {
    await page.getByLabel("Ask a question", { exact: true }).fill(question);
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Why this answer?" }).nth(at).click();
    await dialog.getByText("Decision").waitFor();
  };
  const close = async () => {
    await page.keyboard.press("Escape");
    await gone(dialog);
  };
  await page.goto(server.signInUrl);
  await page.getByRole("navigation", { name: "Main" }).first().waitFor();
  await page.goto(`/assistants/${server.assistantId}`);

  await test("a receipt tells the decision, the model, tokens, cost and time", async () => {
    await ask("How do I add documents?", 0);
    await fact("Decision").getByText("Answered from the documents").waitFor();
    await fact("Decision").getByText(/Confidence 0\.\d+, needed 0\.\d+/).waitFor();
    assert.equal(await fact("Question").innerText(), "How do I add documents?");
    assert.equal(await fact("Answered by").innerText(), "openai/scripted");
    assert.match(await fact("Tokens").innerText(), /^[\d,]+ read, [\d,]+ written · Cost \d+\.\d\d$/);
    await fact("Time").getByText("Documents searched").waitFor();
    await fact("Time").getByText("First words").waitFor();
  });

  await test("every passage has its source, its places, its score and where it stands", async () => {
    const first = dialog.getByRole("listitem").filter({ hasText: "Score" }).first();
    await first.getByText("Source 1").waitFor();
    await first.getByText("Projects and documents › How do I add documents?").waitFor();
    assert.match(await first.innerText(), /Score [\d.]+\s+Words #1\s+Meaning #1\s+Characters [\d,]+ to [\d,]+/);
    await first.getByText("Whole passage").click();
    await first.getByRole("paragraph").getByText("illumichat ingest ./help-pages").waitFor();
  });

  await test("tools are shown whole, and the prompt as it went out", async () => {
    await dialog.getByText("1 tool was used").waitFor();
    await dialog.getByText("find_order").click();
    assert.match(await dialog.getByRole("region", { name: "Arguments" }).innerText(), /"number": "A-1042"/);
    assert.match(await dialog.getByRole("region", { name: "Result" }).innerText(), /"state": "on its way"/);
    await dialog.getByText("What the model was told").click();
    assert.match(await dialog.getByRole("region", { name: "Customer" }).last().innerText(), /How do I add documents\?/);
    assert.ok((await dialog.getByRole("region", { name: "Instructions" }).innerText()).length > 100);
    await dialog.getByRole("button", { name: "Copy as JSON" }).waitFor();
    await close();
  });

  await test("a follow-up question is shown as it was searched for", async () => {
    await ask("And from the command line?", 1);
    assert.equal(await fact("Searched for as").innerText(), "Can documents be added from the command line?");
    await fact("Question").getByText("1 earlier question counted").click();
    await fact("Question").getByText("How do I add documents?").waitFor();
    await fact("Time").getByText("Question put so that it can be searched for").waitFor();
    await close();
  });

  await test("a fallback names who gave no answer, and why", async () => {
    await page.getByRole("button", { name: "Start over" }).click();
    await ask("How do I add documents? But never mind.", 0);
    assert.match(await fact("Answered by").innerText(), /^builtin\/extractive\s+The assistant names openai\/scripted\.\s+openai\/scripted gave no answer: .*unauthorized/);
    await close();
  });

  await test("what a question has cost stands beside it", async () => {
    await page.goto("/analytics/questions");
    await page.getByText(/^Cost \d+\.\d\d$/).first().waitFor();
  });

  await test("it reads well on a phone, in the dark, and in German", async () => {
    const { data } = await api("GET", "/conversations?channel=dashboard");
    const found = await api("GET", `/conversations/${data.at(-1).id}/messages`);
    assert.ok(found.data.length >= 2);
    for (const options of [{ colorScheme: "light", locale: "de-DE" }, { colorScheme: "dark", viewport: PHONE, locale: "de-DE" }]) {
      const other = await newPerson(browser, { url: server.url, axe: true, ...options });
      await other.context.addCookies(await person.context.cookies());
      await other.page.goto(`/inbox/${data.at(-1).id}`);
      await other.page.getByRole("button", { name: "Warum diese Antwort?" }).first().click();
      const sheet = other.page.getByRole("dialog");
      await sheet.getByText("Aus den Dokumenten beantwortet").waitFor();
      await sheet.getByText("find_order").click();
      await assertAccessible(other.page, `receipt ${options.colorScheme}`);
      assert.ok(await sheet.evaluate((element) => element.scrollWidth <= element.clientWidth), "nothing is cut off");
      await other.context.close();
    }
    assertQuiet(person);
  });
}
