// The pictures that the README shows, of a lamp shop in the middle of a working day. Only with `--screenshots`.
import { DESKTOP, newPerson, PHONE, screenshot } from "../person.js";
import { serve } from "../server.js";
import { openShop, serveShop } from "../shop.js";

const ASKED = [
  ["Katherine Johnson", "How long can I return a lamp?", "Which bulb fits the Arc floor lamp?"],
  ["Lars Amundsen", "What does delivery cost?"],
  ["Edith Clarke", "Can I dim the Arc 40?"],
  ["Joan Clarke", "How do I clean brass?"],
  ["Radia Perlman", "How long is the warranty on the wiring?"],
  ["Barbara Liskov", "When do I get my money back?"],
];

export default async function ({ browser, test, screenshots, afterwards }) {
  if (!screenshots) return;
  const server = await serve();
  afterwards(server.stop);
  const owner = await newPerson(browser, server);
  afterwards(() => owner.context.close());
  const { page } = owner;
  let shop;
  let thread = "";

  /** The page as it is, light, dark and on a phone, by somebody who is signed in. */
  const picture = async (name, path, ready, kinds = ["light", "dark"]) => {
    for (const kind of kinds) {
      const phone = kind === "phone";
      const person = await newPerson(browser, { url: server.url, colorScheme: phone ? "light" : kind, viewport: phone ? PHONE : DESKTOP });
      await person.context.addCookies(await owner.context.cookies());
      await person.page.goto(path);
      await ready(person.page);
      await person.page.waitForLoadState("networkidle");
      await person.page.evaluate(() => Promise.all(document.getAnimations().map((each) => each.finished.catch(() => undefined))));
      await screenshot(person.page, screenshots, `${name}-${kind}`);
      await person.context.close();
    }
  };

  await test("a shop is opened", async () => {
    shop = await openShop(server, page);
    await page.goto("/inbox");
    for (const [name, ...questions] of ASKED) {
      const visitor = await shop.visitor();
      const [first, last] = name.toLowerCase().split(" ");
      for (const question of questions) await visitor.say(question);
      await visitor.leave({ name, email: `${first}.${last}@example.com` });
    }
    const alan = await shop.visitor();
    await alan.say("My parcel says delivered, but nothing arrived. What now?");
    await alan.leave({ name: "Alan Turing", email: "alan.turing@example.com" });
    await alan.askForPerson();
    for (const [name, shared, filter] of [["Warranty", true, { inbox: true, tag: "warranty" }], ["Mine", false, { inbox: true, assigneeId: "me" }]]) {
      await shop.api("POST", "/views", { name, shared, filter });
    }
  });

  await test("a customer on the shop's page talks with a person", async () => {
    const site = await serveShop(server, shop.assistantId);
    afterwards(site.stop);
    const customer = await newPerson(browser, { url: site.url });
    afterwards(() => customer.context.close());
    const chat = customer.page;
    await chat.goto(site.url);
    await chat.locator("button.l").click();
    const say = async (text) => {
      await chat.getByRole("textbox", { name: /./ }).fill(text);
      await chat.keyboard.press("Enter");
    };
    await say("How long is the warranty on a broken cable?");
    await chat.locator(".assistant.done").waitFor({ timeout: 30_000 });
    await chat.getByRole("button", { name: "More options" }).click();
    await chat.getByRole("button", { name: /Talk to a person/ }).click();
    await chat.locator(".assistant").getByText("Someone is here").waitFor();
    await page.getByRole("link", { name: /warranty on a broken cable/ }).click();
    await page.waitForURL("**/inbox/chat_*");
    thread = new URL(page.url()).pathname;
    const id = thread.split("/").at(-1);
    await shop.api("PATCH", `/conversations/${id}`, { contactId: shop.contacts["Grace Hopper"].id, tags: ["warranty"] });
    await page.getByRole("button", { name: "Take over" }).click();
    await page.getByRole("article").getByText("With you", { exact: true }).waitFor();
    const reply = async (text, note = false) => {
      await page.getByRole("button", { name: note ? "Note" : "Reply", exact: true }).click();
      await page.getByRole("textbox", { name: note ? "Note" : "Reply" }).fill(text);
      await page.getByRole("button", { name: note ? "Save note" : "Send", exact: true }).click();
      await page.getByRole("log").getByText(text).waitFor();
    };
    await reply("Hello Grace, this is Mara from the workshop. Could you tell me your order number?");
    await chat.locator(".agent").getByText("Could you tell me your order number?").waitFor();
    await say("NL-20417, an Arc 40. It flickers when I move it.");
    await page.getByRole("log").getByText("NL-20417, an Arc 40. It flickers when I move it.").waitFor();
    await reply("Third Arc 40 of the March batch with a loose contact.", true);
    await reply("Thank you! A new cable leaves our workshop today, and you need not send the lamp back.");
    await chat.locator(".agent").getByText("A new cable leaves our workshop today").waitFor();
    await chat.waitForTimeout(600);
    await screenshot(chat, screenshots, "widget-person");
    await shop.api("POST", "/tickets", { subject: "New cable for Arc 40, order NL-20417", priority: "high", conversationId: id, contactId: shop.contacts["Grace Hopper"].id, tags: ["warranty"], assigneeId: shop.me });
  });

  await test("the pictures are taken", async () => {
    const log = (at) => at.getByRole("log").getByText("A new cable leaves").waitFor();
    await picture("inbox", thread, log, ["light", "dark", "phone"]);
    await picture("tickets", "/tickets", (at) => at.getByText("New cable for Arc 40").first().waitFor());
    await picture("home", "/", (at) => at.getByRole("heading", { name: "Today" }).waitFor());
    await picture("contact", `/contacts/${shop.contacts["Grace Hopper"].id}`, (at) => at.getByRole("region", { name: "What happened" }).getByText(/New cable/).first().waitFor());
    await picture("assistant", `/assistants/${shop.assistantId}`, async (at) => {
      await at.getByRole("log").getByRole("button", { name: "How long can I return a lamp?" }).click();
      await at.getByRole("log").getByText(/\d sources?/).first().waitFor({ timeout: 30_000 });
    });
  });
}
