// The story of a visitor once more, by text message: a phone, the agent's dashboard, a language model behind OpenAI's
// protocol, Twilio, and the customer's own server, which hears of everything by webhook.
import assert from "node:assert/strict";
import { startModel } from "../llm.js";
import { assertQuiet, newPerson, screenshot } from "../person.js";
import { isSigned, receive } from "../receiver.js";
import { demo } from "../server.js";
import { callWebhook, newPhone, NUMBER, SID, startTwilio, TOKEN } from "../twilio.js";
import { apiOf } from "../visitor.js";

const PHONE_NUMBER = "+491701234567";
const QUESTION = "Which languages does the chat on my website speak?";
const TOLD = "It takes the language of the web page, else of the visitor's browser.";
const WISH = "Thanks. Can I talk to a person please?";
const GOODBYE = "I have passed your message on. Goodbye!";
const REPLY = "Hello, this is a person. Which shop system do you use?";

/** What the model says: it names the conversation, answers the question, and hands over who asks for a person. */
function script(messages) {
  if (messages[0].content.startsWith("Name what this conversation")) return { text: "Which languages the chat speaks" };
  const last = messages.at(-1);
  if (last.role === "tool") return { text: GOODBYE };
  const asked = JSON.stringify(last.content ?? "");
  if (asked.includes("talk to a person")) {
    return { tool: "hand_off_to_human", arguments: { reason: "customer_request", summary: "Wants help with a shop." } };
  }
  return { text: TOLD };
}

export default async function ({ browser, test, screenshots, afterwards }) {
  const twilio = await startTwilio();
  afterwards(twilio.stop);
  const model = await startModel(script);
  afterwards(model.stop);
  const receiver = await receive();
  afterwards(receiver.stop);
  const server = await demo({
    ILLUMICHAT_EGRESS__ALLOW: JSON.stringify(["127.0.0.1/32"]),
    OPENAI_API_KEY: "sk-scripted",
    OPENAI_BASE_URL: model.url,
    TWILIO_API_BASE: twilio.url,
  });
  afterwards(server.stop);
  const api = apiOf(server);
  const agent = await newPerson(browser, server);
  afterwards(() => agent.context.close());
  const { page } = agent;
  const log = page.getByRole("log");
  const heard = (kind, more = () => true) => receiver.until(({ event }) => event.event === kind && more(event.data));
  const bodies = () => twilio.sent.map(({ Body }) => Body);
  let secret;
  let webhookUrl;
  let write;

  await test("the team listens by webhook; its assistant has a model, and hands over to people", async () => {
    const webhook = await api("/webhooks", { method: "POST", body: { url: `http://${receiver.host}/hooks`, events: ["*"] } });
    secret = webhook.secret;
    await api(`/assistants/${server.assistantId}`, { method: "PATCH", body: { model: "openai/scripted", handoff: { enabled: true } } });
    await api(`/assistants/${server.assistantId}/tools`, { method: "PUT", body: { tools: [{ tool: "hand_off_to_human", visitors: true }] } });
  });

  await test("an agent connects the team's number in the dashboard", async () => {
    await page.goto(server.signInUrl);
    await page.getByRole("navigation", { name: "Main" }).first().waitFor();
    await page.goto(`/assistants/${server.assistantId}/sms`);
    await page.getByLabel("Account SID").fill(SID);
    await page.getByLabel("Auth token").fill(TOKEN);
    await page.getByLabel("Phone number").fill(NUMBER);
    await page.getByRole("button", { name: "Connect", exact: true }).click();
    const address = page.getByText(`/api/sms/webhook/${server.assistantId}`);
    await address.waitFor();
    ({ webhookUrl } = (await api(`/assistants/${server.assistantId}/sms`)).data);
    assert.equal(await address.textContent(), webhookUrl);
    write = newPhone(webhookUrl, PHONE_NUMBER);
    await page.goto("/inbox");
    await page.getByText("Nothing is waiting").waitFor();
  });

  await test("what Twilio has not signed is refused", async () => {
    const forged = { MessageSid: "SM0", AccountSid: SID, From: PHONE_NUMBER, To: NUMBER, Body: QUESTION, NumMedia: "0" };
    assert.equal((await callWebhook(webhookUrl, forged, "another token")).status, 403);
  });

  await test("a customer asks by SMS, and the answer reaches the phone; Twilio asking twice makes it one message", async () => {
    const replies = await Promise.all([1, 2, 3].map(() => write(QUESTION, "SMtwice")));
    for (const { status, body } of replies) {
      assert.equal(status, 200);
      assert.match(body, /<Response><\/Response>$/);
    }
    const answer = await twilio.heard(({ Body }) => Body === TOLD);
    assert.deepEqual([answer.From, answer.To], [NUMBER, PHONE_NUMBER]);
    await page.getByRole("link", { name: /Which languages/ }).waitFor();
  });

  await test("the customer asks for a person: the phone is told the truth, and the agent sees it without a reload", async () => {
    await write(WISH);
    await twilio.heard(({ Body }) => Body.includes("Someone is here and will answer soon"));
    await page.getByRole("heading", { name: "1 waits for a person" }).waitFor();
    const delivery = await heard("conversation.handed_off");
    assert.equal(delivery.event.data.handoffReason, "customer_request");
    assert.equal(delivery.event.data.channel, "sms");
    await twilio.heard(({ Body }) => Body === GOODBYE);
  });

  await test("the agent takes over: nobody but they answer from here on", async () => {
    await page.getByRole("link", { name: /Which languages/ }).click();
    await log.getByText(TOLD).waitFor();
    await log.getByText(WISH).waitFor();
    await page.getByRole("button", { name: "Take over" }).click();
    await page.getByRole("article").getByText("With you", { exact: true }).waitFor();
    await page.getByRole("textbox", { name: "Reply" }).fill(REPLY);
    await page.getByRole("button", { name: "Send", exact: true }).click();
    await log.getByText(REPLY).waitFor();
    await twilio.heard(({ Body }) => Body === REPLY);
    await page.getByRole("button", { name: "Note", exact: true }).click();
    await page.getByRole("textbox", { name: "Note" }).fill("Has asked twice this month.");
    await page.getByRole("button", { name: "Save note" }).click();
    await log.getByText("Has asked twice this month.").waitFor();
    await write("WooCommerce, on a server of our own");
    await log.getByText("WooCommerce, on a server of our own").waitFor();
    await screenshot(page, screenshots, "story-sms");
  });

  await test("a ticket is made of it", async () => {
    await page.getByRole("button", { name: "More actions" }).click();
    await page.getByRole("menuitem", { name: "Make a ticket" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Subject").fill("Chat in a WooCommerce shop");
    await dialog.getByRole("button", { name: "Make a ticket" }).click();
    await page.getByRole("complementary", { name: "Details" }).getByRole("link", { name: /#1 Chat in a WooCommerce shop/ }).click();
    await page.waitForURL("**/tickets/tkt_*");
    await page.getByRole("heading", { level: 1, name: /WooCommerce/ }).waitFor();
    // The customer is known by their number.
    const { data } = await api("/contacts");
    const { event } = await heard("ticket.created");
    assert.deepEqual([data.length, data[0].phone, data[0].id], [1, PHONE_NUMBER, event.data.contactId]);
  });

  await test("what was said inside stays inside; the conversation is closed", async () => {
    await page.goto("/inbox");
    await page.getByRole("link", { name: /Which languages/ }).click();
    await page.getByRole("button", { name: "Close", exact: true }).click();
    await heard("conversation.closed");
    assert.deepEqual(bodies().filter((each) => each === TOLD), [TOLD], "answered once");
    assert.ok(!bodies().some((each) => each.includes("twice this month")), "a note stays inside");
    assert.ok(twilio.sent.every(({ To }) => To === PHONE_NUMBER));
  });

  await test("each message is shown as delivered", async () => {
    const reports = await twilio.reported();
    assert.deepEqual([reports.length, new Set(reports)], [twilio.sent.length, new Set([200])]);
    await page.goto(`/assistants/${server.assistantId}/sms`);
    await page.getByRole("listitem").filter({ hasText: REPLY }).getByText("Delivered").waitFor();
    assert.equal(await page.getByRole("listitem").filter({ hasText: "Delivered" }).count(), twilio.sent.length);
    await screenshot(page, screenshots, "story-sms-delivered");
  });

  await test("the customer's server got every event once, signed", async () => {
    for (const kind of ["conversation.created", "conversation.handed_off", "contact.created", "ticket.created", "conversation.closed"]) await heard(kind);
    for (const said of [QUESTION, TOLD, WISH, REPLY, "WooCommerce, on a server of our own"]) await heard("message.created", (data) => data.content === said);
    const ids = receiver.received.map(({ headers }) => headers["webhook-id"]);
    assert.equal(new Set(ids).size, ids.length, "each was sent once");
    assert.ok(receiver.received.every((delivery) => isSigned(delivery, secret)));
    const count = (kind, content) => receiver.received.filter(({ event }) => event.event === kind && (!content || event.data.content === content)).length;
    assert.deepEqual([count("conversation.created"), count("contact.created"), count("ticket.created"), count("message.created", QUESTION)], [1, 1, 1, 1]);
  });

  await test("nothing failed in the pages, and no policy was broken", async () => {
    assertQuiet(agent);
  });
}
