// The inbox: visitors who ask for a person, an agent and a colleague, live.
import assert from "node:assert/strict";
import { assertAccessible, assertQuiet, gone, newPerson, PHONE, screenshot } from "../person.js";
import { demo } from "../server.js";
import { apiOf, newVisitor } from "../visitor.js";

export default async function ({ browser, test, screenshots, afterwards }) {
  const server = await demo();
  afterwards(server.stop);
  const api = apiOf(server);
  await api(`/assistants/${server.assistantId}`, { method: "PATCH", body: { handoff: { enabled: true } } });
  const agent = await newPerson(browser, server);
  afterwards(() => agent.context.close());
  const { page } = agent;
  const row = (name) => page.getByRole("region", { name: "Conversations" }).getByRole("link", { name });
  const holder = (text, where = page) => where.getByRole("article").getByText(text, { exact: true });
  const messages = (where = page) => where.getByRole("log").locator("> ol > li");
  let grace;
  let address;

  await test("an empty inbox says what will come", async () => {
    await page.goto(server.signInUrl);
    await page.getByRole("navigation", { name: "Main" }).first().waitFor();
    await page.getByRole("link", { name: "Inbox" }).first().click();
    await page.getByText("Nothing is waiting").waitFor();
  });

  await test("what visitors write appears by itself, and who wants a person stands on top, counted", async () => {
    const other = await newVisitor(server);
    await other.say("Which models can I use?");
    await row(/Which models/).waitFor();
    grace = await newVisitor(server, { page: "https://lamps.example/help?from=menu", referrer: "https://search.example/", locale: "en-GB" });
    await grace.say("How do I put the chat on my website?");
    await grace.leave({ name: "Grace Hopper", email: "grace@example.com" });
    await row(/put the chat/).waitFor();
    assert.equal(await page.getByText("waits for a person").count(), 0);
    const ada = await newVisitor(server);
    await ada.say("Does it work without the internet?");
    const { online } = await grace.askForPerson();
    assert.ok(online, "an open dashboard is somebody who is here");
    await page.getByRole("heading", { name: "1 waits for a person" }).waitFor();
    await page.getByRole("navigation", { name: "Main" }).first().getByRole("link", { name: /Inbox.*1 waits/ }).waitFor();
    assert.match(await page.locator("[data-row]").first().innerText(), /put the chat[\s\S]*Asked for a person/);
  });

  await test("a conversation is read: its sources, the contact, and no longer unread", async () => {
    await row(/put the chat/).getByText("1 unread message").waitFor();
    assert.match(await row(/put the chat/).locator("time").innerText(), /^\d\d:\d\d$/, "of today's only the hour is told");
    await row(/put the chat/).click();
    await page.getByRole("heading", { name: "How do I put the chat on my website?", level: 1 }).waitFor();
    address = page.url();
    await page.getByRole("log").getByText(/\d sources?/).waitFor();
    const beside = page.getByRole("complementary", { name: "Details" });
    await beside.getByText("Grace Hopper").waitFor();
    await beside.getByText("grace@example.com").waitFor();
    const visit = beside.getByRole("link", { name: "lamps.example/help?from=menu" });
    assert.equal(await visit.getAttribute("href"), "https://lamps.example/help?from=menu");
    assert.match(await visit.getAttribute("rel"), /noreferrer/);
    await beside.getByRole("link", { name: "search.example" }).waitFor();
    await beside.getByText("British English").waitFor();
    await beside.getByText("Put the chat on your website").first().waitFor();
    await gone(row(/put the chat/).getByText("1 unread message"));
  });

  await test("an answer's receipt opens from the thread", async () => {
    await page.getByRole("log").getByRole("button", { name: "Why this answer?" }).click();
    await page.getByRole("dialog").getByText("What was found").waitFor();
    await page.keyboard.press("Escape");
  });

  await test("a reply, sent with the keyboard, takes the conversation over", async () => {
    await page.getByRole("heading", { level: 1 }).focus();
    await page.keyboard.press("r");
    await page.getByText("Your reply takes the conversation over").waitFor();
    await page.keyboard.type("Hello Grace, **Ada** here.\nWhich page is it?");
    await page.keyboard.press("Control+Enter");
    await page.getByRole("log").getByText("Hello Grace, Ada here.").waitFor();
    assert.equal(await page.getByRole("log").locator("strong", { hasText: "Ada" }).count(), 1);
    await holder("With you").waitFor();
    await gone(page.getByRole("heading", { name: /wait for a person|waits for a person/ }));
    assert.equal(await page.getByRole("textbox", { name: "Reply" }).inputValue(), "");
  });

  await test("what the customer types and says is seen at once", async () => {
    await grace.typing();
    await page.getByText("Grace Hopper is typing").waitFor();
    await grace.say("The start page. <b>Thanks!</b>");
    await page.getByRole("log").getByText("The start page. <b>Thanks!</b>").waitFor();
    await gone(page.getByText("Grace Hopper is typing"));
  });

  await test("a note stays inside", async () => {
    await page.getByRole("heading", { level: 1 }).focus();
    await page.keyboard.press("n");
    await page.keyboard.type("She has asked before.");
    await page.keyboard.press("Control+Enter");
    await messages().filter({ hasText: "Note, for your team alone" }).getByText("She has asked before.").waitFor();
  });

  await test("a file goes with a reply", async () => {
    await page.locator('input[type="file"]').setInputFiles({ name: "steps.txt", mimeType: "text/plain", buffer: Buffer.from("One. Two. Three.") });
    await page.getByText("steps.txt").waitFor();
    await page.getByRole("textbox", { name: "Reply" }).fill("Please follow these steps.");
    await page.getByRole("button", { name: "Send", exact: true }).click();
    const link = messages().last().getByRole("link", { name: /steps\.txt/ });
    await link.waitFor();
    const file = await page.request.get(await link.getAttribute("href"));
    assert.equal(await file.text(), "One. Two. Three.");
  });

  await test("a macro is made in the settings, and inserted", async () => {
    await page.goto("/settings/macros");
    await page.getByRole("button", { name: "New macro" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Name").fill("x".repeat(200));
    await dialog.getByLabel("Text").fill("We are here **Monday to Friday**.");
    await dialog.getByRole("button", { name: "Save" }).click();
    await dialog.locator("[data-field-error]").waitFor();
    await dialog.getByLabel("Name").fill("Opening hours");
    await dialog.getByRole("button", { name: "Save" }).click();
    await page.getByRole("heading", { name: "Opening hours" }).waitFor();
    await page.goto(address);
    await page.getByRole("button", { name: "Insert a macro" }).click();
    await page.getByRole("dialog").getByRole("button", { name: /Opening hours/ }).click();
    const field = page.getByRole("textbox", { name: "Reply" });
    assert.equal(await field.inputValue(), "We are here **Monday to Friday**.");
    assert.ok(await field.evaluate((element) => element === document.activeElement));
  });

  await test("what is begun is kept while one looks elsewhere", async () => {
    await row(/Which models/).click();
    await page.getByRole("heading", { name: "Which models can I use?", level: 1 }).waitFor();
    assert.equal(await page.getByRole("textbox", { name: "Reply" }).inputValue(), "");
    await row(/put the chat/).click();
    await page.getByRole("heading", { name: /put the chat/, level: 1 }).waitFor();
    const field = page.getByRole("textbox", { name: "Reply" });
    assert.equal(await field.inputValue(), "We are here **Monday to Friday**.");
    await field.fill("");
  });

  await test("a reply is suggested from the documents, to be edited", async () => {
    await row(/Which models/).click();
    await page.getByRole("heading", { name: "Which models can I use?", level: 1 }).waitFor();
    await page.getByRole("button", { name: "Suggest a reply" }).click();
    await page.getByText(/Suggested from \d+ sources?/).waitFor({ timeout: 30_000 });
    const text = await page.getByRole("textbox", { name: "Reply" }).inputValue();
    assert.match(text, /model/i);
    assert.doesNotMatch(text, /\[\d+\]/);
    await page.getByRole("textbox", { name: "Reply" }).fill("");
  });

  await test("a summary and a tag", async () => {
    await row(/put the chat/).click();
    await page.getByRole("heading", { name: /put the chat/, level: 1 }).waitFor();
    const beside = page.getByRole("complementary", { name: "Details" });
    await beside.getByRole("button", { name: "Summarise" }).click();
    await beside.getByText(/The customer said/).waitFor();
    await beside.getByRole("textbox", { name: "Add a tag" }).fill("website");
    await page.keyboard.press("Enter");
    await beside.getByRole("button", { name: "Remove website" }).waitFor();
    await row(/put the chat.*website/).waitFor();
  });

  await test("a ticket is made of the conversation, and linked beside it", async () => {
    await page.getByRole("button", { name: "More actions" }).click();
    await page.getByRole("menuitem", { name: "Make a ticket" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Priority").selectOption("high");
    await dialog.getByRole("button", { name: "Make a ticket" }).click();
    const link = page.getByRole("complementary", { name: "Details" }).getByRole("link", { name: /#1 How do I put the chat/ });
    await link.waitFor();
    assert.match(await link.getAttribute("href"), /^\/tickets\/tkt_/);
  });

  await test("snoozed, it leaves the list until the customer writes", async () => {
    await page.getByRole("button", { name: "Snooze", exact: true }).click();
    await page.getByRole("menuitem", { name: /Tomorrow/ }).click();
    await gone(row(/put the chat/));
    await page.getByRole("button", { name: "Snoozed", exact: true }).click();
    await row(/put the chat/).waitFor();
    await grace.say("One more thing: does it speak German?");
    await gone(row(/put the chat/));
    await page.getByRole("button", { name: "Open", exact: true }).click();
    await row(/put the chat/).waitFor();
  });

  await test("search finds what was said, and filters say when nothing matches", async () => {
    await page.getByRole("searchbox", { name: "Search what was said" }).fill("speak German");
    await gone(row(/Which models/));
    await row(/put the chat/).waitFor();
    await page.getByRole("searchbox", { name: "Search what was said" }).fill("zeppelin");
    await page.getByText("No conversation matches.").waitFor();
    await page.getByRole("searchbox", { name: "Search what was said" }).fill("");
    await page.getByLabel("Whose").selectOption("mine");
    await gone(row(/Which models/));
    await row(/put the chat/).waitFor();
    // A reload shows the same, in a conversation too.
    await row(/put the chat/).click();
    await page.waitForURL("**/inbox/chat_*?whose=mine");
    await page.reload();
    await row(/put the chat/).waitFor();
    assert.equal(await page.getByLabel("Whose").inputValue(), "mine");
    assert.equal(await row(/Which models/).count(), 0);
    await page.getByLabel("Whose").selectOption("all");
    await page.getByLabel("Channel").selectOption("sms");
    await page.getByText("No conversation matches.").waitFor();
    await page.getByLabel("Channel").selectOption("");
    await row(/Which models/).waitFor();
  });

  await test("what is shown is saved as a view, gone back to, changed, renamed and deleted", async () => {
    const view = (name) => page.getByRole("group", { name: "Views" }).getByRole("button", { name });
    const act = async (name) => {
      await page.getByRole("button", { name: "Saved views" }).click();
      await page.getByRole("menuitem", { name }).click();
    };
    const save = async (name, everybody = false) => {
      await act("Save as a view");
      const dialog = page.getByRole("dialog");
      await dialog.getByLabel("Name").fill(name);
      if (everybody) await dialog.getByRole("switch", { name: "For everybody" }).check();
      await dialog.getByRole("button", { name: "Save" }).click();
      await gone(dialog);
      await page.locator('[aria-pressed="true"]').filter({ hasText: name }).waitFor();
    };
    await row(/put the chat/).click();
    await page.getByRole("complementary", { name: "Details" }).getByRole("button", { name: "website", exact: true }).click();
    await page.getByText("Tag: website").waitFor();
    await gone(row(/Which models/));
    await save("Website", true);
    await page.getByRole("button", { name: "Without “Tag: website”" }).click();
    await row(/Which models/).waitFor();
    await page.getByLabel("Whose").selectOption("mine");
    await gone(row(/Which models/));
    await save("My own");
    await view("Inbox").click();
    await row(/Which models/).waitFor();
    await view("Website").click();
    await page.getByText("Tag: website").waitFor();
    await gone(row(/Which models/));
    await row(/put the chat/).waitFor();
    // It is there after a reload, and in the address.
    await page.reload();
    await page.locator('[aria-pressed="true"]').filter({ hasText: "Website" }).waitFor();
    await page.getByRole("button", { name: "Closed", exact: true }).click();
    await act("Save the filter in “Website”");
    await page.locator('[aria-pressed="true"]').filter({ hasText: "Website" }).waitFor();
    await act("Rename “Website”");
    await page.getByRole("dialog").getByLabel("Name").fill("x".repeat(200));
    await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
    await page.getByRole("dialog").locator("[data-field-error]").waitFor();
    await page.getByRole("dialog").getByLabel("Name").fill("About the website");
    await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
    await view("About the website").waitFor();
    const { data } = await api("/views");
    assert.deepEqual(data.map(({ name, shared }) => [name, shared]), [["About the website", true], ["My own", false]]);
    assert.deepEqual([data[0].filter.tag, data[0].filter.status], ["website", "closed"]);
    await view("My own").click();
    await act("Delete “My own”");
    await page.getByRole("dialog").getByRole("button", { name: /^Delete/ }).click();
    await gone(view("My own"));
    await view("Inbox").click();
    await row(/Which models/).waitFor();
  });

  await test("the browser tells who looks elsewhere that a person is wanted, where the workspace has it so", async () => {
    const away = await newPerson(browser, server);
    await away.context.addCookies(await agent.context.cookies());
    await away.context.grantPermissions(["notifications"], { origin: server.url });
    // Nobody sees what a browser without a window shows, nor can its page be out of sight: both are played.
    await away.context.addInitScript(() => {
      globalThis.shown = [];
      globalThis.Notification = class {
        static permission = "granted";
        static requestPermission = async () => "granted";
        constructor(title, options) {
          globalThis.shown.push({ title, body: options.body, click: () => this.onclick() });
        }
        close() {}
      };
      Object.defineProperty(document, "visibilityState", { get: () => (globalThis.hidden ? "hidden" : "visible") });
    });
    await away.page.goto("/inbox");
    const bell = away.page.getByRole("button", { name: "Notify me when somebody asks for a person" });
    await bell.click();
    await away.page.locator('[aria-pressed="true"]').filter({ has: away.page.locator("svg.lucide-bell") }).waitFor();
    await away.page.evaluate(() => (globalThis.hidden = true));
    const waits = await newVisitor(server);
    await waits.say("What does the widget cost me in speed?");
    await waits.askForPerson();
    await away.page.waitForFunction(() => globalThis.shown.length === 1);
    assert.deepEqual(await away.page.evaluate(() => globalThis.shown.map(({ title, body }) => [title, body])), [["Somebody asks for a person", "What does the widget cost me in speed?"]]);
    await away.page.evaluate(() => globalThis.shown[0].click());
    await away.page.getByRole("heading", { level: 1, name: "What does the widget cost me in speed?" }).waitFor();
    await away.page.getByRole("button", { name: "Close", exact: true }).click();
    await away.page.getByRole("button", { name: "Reopen" }).waitFor();
    await api("", { method: "PATCH", body: { settings: { notify: { browser: false } } } });
    await away.page.goto("/inbox");
    await away.page.getByRole("button", { name: "Saved views" }).waitFor();
    assert.equal(await bell.count(), 0);
    await api("", { method: "PATCH", body: { settings: { notify: { browser: true } } } });
    assertQuiet(away);
    await away.context.close();
  });

  await test("the keys walk the list, and a question mark tells of them", async () => {
    await page.getByRole("heading", { level: 1 }).focus();
    const titles = await page.locator("[data-row]").evaluateAll((rows) => rows.map((each) => each.getAttribute("href")));
    const at = titles.indexOf(new URL(page.url()).pathname);
    await page.keyboard.press("j");
    await page.waitForURL(`**${titles[at + 1]}`);
    await page.keyboard.press("k");
    await page.waitForURL(`**${titles[at]}`);
    await page.keyboard.press("?");
    await page.getByRole("dialog").getByText("Next conversation").waitFor();
    await page.keyboard.press("Escape");
    await gone(page.getByRole("dialog"));
  });

  await test("the palette goes to any page", async () => {
    await page.keyboard.press("Control+k");
    await page.getByRole("combobox", { name: "Go to" }).fill("macro");
    await page.getByRole("option", { name: /Macros/ }).waitFor();
    await page.keyboard.press("Enter");
    await page.waitForURL("**/settings/macros");
    await page.goto(address);
    await page.getByRole("log").waitFor();
  });

  // A colleague, who was invited.
  const { link } = await api("/invitations", { method: "POST", body: { email: "kay@example.com", role: "member" } });
  const colleague = await newPerson(browser, server);
  afterwards(() => colleague.context.close());

  await test("a colleague sees who has it, and the agent sees who looks", async () => {
    const accepted = await colleague.page.request.post(`${server.url}/api/invitations/${link.split("/").at(-1)}/accept`, {
      data: { name: "Kay McNulty", password: "a lamp in the dark" },
      headers: { Origin: server.url },
    });
    assert.equal(accepted.status(), 200, await accepted.text());
    await colleague.page.goto(address);
    await holder("With Demo owner", colleague.page).waitFor();
    await page.getByText("Kay McNulty is looking at this too.").waitFor();
    await colleague.page.keyboard.press("r");
    await colleague.page.getByRole("textbox", { name: "Reply" }).pressSequentially("I could");
    await page.getByText("Kay McNulty is writing a reply.").waitFor();
    await colleague.page.getByRole("textbox", { name: "Reply" }).fill("");
  });

  await test("it is assigned, given back, closed and reopened, and both see it", async () => {
    await page.getByRole("button", { name: "Assign" }).click();
    await page.getByRole("menuitemradio", { name: "Kay McNulty" }).click();
    await holder("With Kay McNulty").waitFor();
    await holder("With you", colleague.page).waitFor();
    await colleague.page.getByRole("button", { name: /^Give back/ }).click();
    await holder("With the assistant").waitFor();
    await page.getByRole("button", { name: "Close", exact: true }).click();
    await colleague.page.getByRole("article").getByText("Closed", { exact: true }).waitFor();
    await colleague.page.getByRole("button", { name: "Reopen" }).click();
    await page.getByRole("button", { name: "Close", exact: true }).waitFor();
  });

  await test("of two who take over at once, one is told who was quicker", async () => {
    await page.getByRole("button", { name: "Take over" }).waitFor();
    await colleague.page.getByRole("button", { name: "Take over" }).waitFor();
    // The page must not hear of it before the button is pressed.
    await page.route("**/takeover", async (route) => {
      await colleague.page.getByRole("button", { name: "Take over" }).click();
      await holder("With you", colleague.page).waitFor();
      await route.continue();
    });
    await page.getByRole("button", { name: "Take over" }).click();
    await page.getByText("Kay McNulty already has this conversation.").waitFor();
    await holder("With Kay McNulty").waitFor();
    await page.unrouteAll({ behavior: "wait" });
  });

  await test("a lost connection is told, and what was missed is there after it", async () => {
    await page.route("**/events", (route) => route.abort());
    await page.reload();
    await page.getByRole("alert").getByText("The connection is lost").waitFor();
    await grace.say("Are you still there?");
    await page.unrouteAll({ behavior: "wait" });
    await page.getByRole("alert").getByRole("button", { name: "Try again" }).click();
    await gone(page.getByRole("alert"));
    await page.getByRole("log").getByText("Are you still there?").waitFor();
  });

  await test("nothing failed in the pages, and no policy was broken", async () => {
    assertQuiet(agent);
    assertQuiet(colleague);
  });

  for (const [colorScheme, viewport] of [["light"], ["dark"], ["light", PHONE]]) {
    await test(`the inbox is accessible, ${colorScheme}${viewport ? ", on a phone" : ""}`, async () => {
      const name = `${colorScheme}${viewport ? "-phone" : ""}`;
      const person = await newPerson(browser, { ...server, axe: true, colorScheme, ...(viewport && { viewport }) });
      await person.context.addCookies(await agent.context.cookies());
      const waits = await newVisitor(server);
      await waits.say("Which file types can I add?");
      await waits.askForPerson();
      await person.page.goto(`${server.url}/inbox`);
      await person.page.getByRole("heading", { name: /waits? for a person/ }).waitFor();
      await assertAccessible(person.page, "list");
      if (viewport) await screenshot(person.page, screenshots, `inbox-list-${name}`);
      await person.page.goto(address);
      await messages(person.page).last().waitFor();
      await person.page.waitForLoadState("networkidle");
      await screenshot(person.page, screenshots, `inbox-${name}`);
      await assertAccessible(person.page, "thread");
      const wide = await person.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(wide <= 0, `${wide} px too wide`);
      await person.page.getByRole("heading", { level: 1 }).focus();
      await person.page.keyboard.press("n");
      await assertAccessible(person.page, "note");
      if (viewport) {
        await person.page.getByRole("button", { name: "Details" }).click();
        await assertAccessible(person.page, "details");
        await person.page.keyboard.press("Escape");
      }
      await person.page.keyboard.press("Escape");
      await person.page.getByRole("button", { name: "Snooze", exact: true }).click();
      await assertAccessible(person.page, "menu");
      await person.page.keyboard.press("Escape");
      await person.page.keyboard.press("Control+k");
      await person.page.getByRole("listbox", { name: "Go to" }).getByRole("option").first().waitFor();
      await assertAccessible(person.page, "palette");
      await person.page.keyboard.press("Escape");
      await person.page.goto(`${server.url}/settings/macros`);
      await person.page.getByRole("heading", { name: "Opening hours" }).waitFor();
      await assertAccessible(person.page, "macros");
      await person.context.close();
    });
  }
}
