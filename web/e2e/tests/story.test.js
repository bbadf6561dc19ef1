// From a question on a customer's page to a ticket, with everybody in their own window: a visitor, an agent, and the
// customer's own server, which hears of it by webhook.
import assert from "node:assert/strict";
import { assertQuiet, gone, newPerson, screenshot } from "../person.js";
import { isSigned, receive } from "../receiver.js";
import { demo } from "../server.js";
import { apiOf } from "../visitor.js";

const QUESTION = "How do I put the chat on my website?";
const ANSWER = "Hello, this is a person. Which system is your site built with?";

export default async function ({ browser, test, screenshots, afterwards }) {
  const receiver = await receive();
  afterwards(receiver.stop);
  // The receiver is on this machine: an address that the server reaches only where its operator says so.
  const server = await demo({ ILLUMICHAT_EGRESS__ALLOW: JSON.stringify([receiver.host]) });
  afterwards(server.stop);
  const api = apiOf(server);
  const visitor = await newPerson(browser, server);
  afterwards(() => visitor.context.close());
  const agent = await newPerson(browser, server);
  afterwards(() => agent.context.close());
  const chat = visitor.page;
  const inbox = agent.page;
  let secret;

  const say = async (text) => {
    await chat.getByRole("textbox", { name: /./ }).fill(text);
    await chat.keyboard.press("Enter");
  };
  const heard = (kind, more = () => true) => receiver.until(({ event }) => event.event === kind && more(event.data));

  await test("the team listens by webhook, and its assistant hands over to people", async () => {
    const address = `http://${receiver.host}/hooks`;
    const webhook = await api("/webhooks", { method: "POST", body: { url: address, events: ["*"] } });
    secret = webhook.secret;
    assert.match(secret, /^whsec_/);
    await api(`/assistants/${server.assistantId}`, { method: "PATCH", body: { handoff: { enabled: true } } });
  });

  await test("an agent waits in the inbox", async () => {
    await inbox.goto(server.signInUrl);
    await inbox.getByRole("navigation", { name: "Main" }).first().waitFor();
    await inbox.goto("/inbox");
    await inbox.getByText("Nothing is waiting").waitFor();
  });

  await test("a visitor of another origin asks, and is answered from the documents", async () => {
    assert.notEqual(new URL(server.widgetPageUrl).origin, new URL(server.url).origin);
    await chat.goto(server.widgetPageUrl);
    await chat.locator("button.l").click();
    await say(QUESTION);
    await chat.locator(".assistant.done").waitFor({ timeout: 30_000 });
    await inbox.getByRole("link", { name: /put the chat/ }).waitFor();
  });

  await test("the visitor asks for a person, and the agent sees it without a reload", async () => {
    await chat.getByRole("button", { name: "More options" }).click();
    await chat.getByRole("button", { name: /Talk to a person/ }).click();
    await chat.locator(".assistant").getByText("Someone is here").waitFor();
    await inbox.getByRole("heading", { name: "1 waits for a person" }).waitFor();
    const { event } = await heard("conversation.handed_off");
    assert.equal(event.data.handoffReason, "customer_request");
  });

  await test("the webhook is signed, as a stranger can check", async () => {
    const delivery = await heard("conversation.handed_off");
    assert.ok(isSigned(delivery, secret));
    assert.ok(!isSigned({ ...delivery, body: delivery.body.replace("pending", "closed") }, secret));
    assert.equal(delivery.event.workspaceId, server.workspaceId);
  });

  await test("the agent takes over, and the visitor sees who is there now", async () => {
    await inbox.getByRole("link", { name: /put the chat/ }).click();
    await inbox.getByRole("log").getByText(/\d sources?/).waitFor();
    await inbox.getByRole("button", { name: "Take over" }).click();
    await inbox.getByRole("article").getByText("With you", { exact: true }).waitFor();
    await chat.getByText("Demo owner has joined the conversation.").first().waitFor();
  });

  await test("what the agent types and sends, the visitor sees", async () => {
    await inbox.getByRole("textbox", { name: "Reply" }).pressSequentially(ANSWER.slice(0, 12));
    await chat.getByText("Demo owner is writing").first().waitFor();
    await inbox.getByRole("textbox", { name: "Reply" }).fill(ANSWER);
    await inbox.getByRole("button", { name: "Send", exact: true }).click();
    await chat.locator(".agent").getByText(ANSWER).waitFor();
  });

  await test("a note does not reach the visitor; what the visitor writes reaches the agent, and no assistant answers", async () => {
    await inbox.getByRole("button", { name: "Note", exact: true }).click();
    await inbox.getByRole("textbox", { name: "Note" }).fill("Sounds like a WordPress site.");
    await inbox.getByRole("button", { name: "Save note" }).click();
    await inbox.getByRole("log").getByText("Sounds like a WordPress site.").waitFor();
    const answers = await chat.locator(".assistant.done").count();
    await say("It is a WordPress theme of our own");
    await inbox.getByRole("log").getByText("It is a WordPress theme of our own").waitFor();
    await chat.getByText("Delivered. Somebody will answer here.").waitFor();
    assert.equal(await chat.getByText("Sounds like a WordPress site.").count(), 0);
    assert.equal(await chat.locator(".assistant.done").count(), answers);
    await screenshot(chat, screenshots, "story-visitor");
    await screenshot(inbox, screenshots, "story-agent");
  });

  await test("a ticket is made of it, and the customer's server hears of all of it", async () => {
    await inbox.getByRole("button", { name: "More actions" }).click();
    await inbox.getByRole("menuitem", { name: "Make a ticket" }).click();
    const dialog = inbox.getByRole("dialog");
    await dialog.getByLabel("Subject").fill("Chat on a WordPress theme");
    await dialog.getByRole("button", { name: "Make a ticket" }).click();
    const link = inbox.getByRole("complementary", { name: "Details" }).getByRole("link", { name: /#1 Chat on a WordPress theme/ });
    await link.click();
    await inbox.waitForURL("**/tickets/tkt_*");
    await inbox.getByRole("heading", { level: 1, name: /WordPress theme/ }).waitFor();
    const ticket = await heard("ticket.created", (data) => data.subject === "Chat on a WordPress theme");
    assert.ok(isSigned(ticket, secret));
    await heard("message.created", (data) => data.content === ANSWER);
    for (const kind of ["conversation.created", "conversation.handed_off"]) await heard(kind);
    const ids = receiver.received.map(({ headers }) => headers["webhook-id"]);
    assert.equal(new Set(ids).size, ids.length, "each was sent once");
    assert.ok(receiver.received.every((delivery) => isSigned(delivery, secret)));
    // Of one conversation everything comes in its order.
    const said = receiver.received.filter(({ event }) => event.event === "message.created").map(({ event }) => event.data.createdAt);
    assert.deepEqual(said, said.toSorted());
    const { data } = await api("/tickets");
    assert.equal(data[0].conversationId, ticket.event.data.conversationId);
  });

  await test("closed, it leaves the inbox; the visitor's next word opens it again", async () => {
    await inbox.goto("/inbox");
    await inbox.getByRole("link", { name: /put the chat/ }).click();
    await inbox.getByRole("button", { name: "Close", exact: true }).click();
    const row = inbox.getByRole("region", { name: "Conversations" }).getByRole("link", { name: /put the chat/ });
    await gone(row);
    await heard("conversation.closed");
    await chat.getByText("This conversation is closed.").waitFor();
    await say("Does it work without the internet?");
    await row.waitFor();
    await inbox.getByRole("log").getByText("Does it work without the internet?").waitFor();
  });

  await test("nothing failed in the pages, and no policy was broken", async () => {
    assertQuiet(visitor);
    assertQuiet(agent);
  });
}
