// Contacts as an agent works with them: found, added, changed in place, taken in from CSV, merged, erased.
import assert from "node:assert/strict";
import { assertAccessible, assertQuiet, gone, newPerson, PHONE, screenshot } from "../person.js";
import { demo } from "../server.js";
import { apiOf } from "../desk.js";

const LIST = `Full name;E-Mail;Telefon;Plan
Grace Hopper;grace@example.com;+49 30 1234567;Business
Bob;not an address;;
Alan Turing;alan@example.com;;Free
;;;
Eve;GRACE@example.com;;
`;

export default async function ({ browser, test, screenshots, afterwards }) {
  const server = await demo();
  afterwards(server.stop);
  const api = await apiOf(server);
  const person = await newPerson(browser, server);
  afterwards(() => person.context.close());
  const { page } = person;
  const main = page.getByRole("main");
  const link = (name) => main.getByRole("link", { name, exact: true });
  await page.goto(server.signInUrl);
  await page.getByRole("navigation", { name: "Main" }).first().waitFor();

  await test("without contacts the page says how they come about", async () => {
    await page.getByRole("link", { name: "Contacts", exact: true }).first().click();
    await page.getByRole("heading", { name: "No contacts yet" }).waitFor();
  });

  await test("a contact is added; what the server refuses is said at the field", async () => {
    await page.getByRole("button", { name: "New contact" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Name", { exact: true }).fill("Ada Lovelace");
    await dialog.getByLabel("Email").fill("nonsense");
    await dialog.getByRole("button", { name: "Add contact" }).click();
    await dialog.locator("[data-field-error]").waitFor();
    assert.equal(await dialog.getByLabel("Email").getAttribute("aria-invalid"), "true");
    await dialog.getByLabel("Email").fill("ada@example.com");
    await dialog.getByRole("button", { name: "Add contact" }).click();
    await page.getByRole("heading", { name: "Ada Lovelace", level: 1 }).waitFor();
  });

  await test("a duplicate names the contact that is there", async () => {
    await page.goto("/contacts?new");
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Email").fill("ADA@example.com");
    await dialog.getByRole("button", { name: "Add contact" }).click();
    await dialog.getByRole("link", { name: "Open that contact" }).click();
    await page.getByRole("heading", { name: "Ada Lovelace", level: 1 }).waitFor();
  });

  await test("a field is changed where it stands, with the keyboard alone", async () => {
    const company = page.getByRole("button", { name: /^Change Company:/ });
    await company.focus();
    await page.keyboard.press("Enter");
    await page.keyboard.type("Analytical Engines");
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Change Company: Analytical Engines" }).waitFor();
    await page.waitForFunction(() => document.activeElement?.textContent?.includes("Analytical Engines"));
    await page.keyboard.press("Enter");
    await page.keyboard.type("never mind");
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Change Company: Analytical Engines" }).waitFor();
  });

  await test("a refused phone number is said beside it, and the field stays", async () => {
    await page.getByRole("button", { name: /^Change Phone:/ }).click();
    await page.getByLabel("Phone", { exact: true }).fill("call me");
    await page.getByLabel("Phone", { exact: true }).press("Enter");
    await page.getByText(/not a phone number/).waitFor();
    await page.getByLabel("Phone", { exact: true }).fill("+49 30 7654321");
    await page.getByLabel("Phone", { exact: true }).press("Enter");
    await page.getByRole("button", { name: /\+49307654321/ }).waitFor();
  });

  await test("tags, details and notes are kept", async () => {
    await page.getByLabel("Add a tag").fill("vip, wholesale");
    await page.getByLabel("Add a tag").press("Enter");
    await page.getByRole("button", { name: "Remove the tag wholesale" }).click();
    await gone(page.getByRole("button", { name: "Remove the tag wholesale" }));
    await page.getByRole("button", { name: "Add a detail" }).click();
    await page.getByRole("textbox", { name: "Name" }).fill("plan");
    await page.getByRole("textbox", { name: "Value" }).fill("Business");
    await page.getByRole("textbox", { name: "Value" }).press("Enter");
    await page.getByRole("button", { name: "Change plan: Business" }).waitFor();
    await page.getByLabel("New note").fill("Call in the afternoon");
    await page.getByRole("button", { name: "Add note" }).click();
    await page.getByRole("region", { name: "Notes" }).getByText("Call in the afternoon").waitFor();
    await page.getByRole("region", { name: "What happened" }).getByText("Call in the afternoon").waitFor();
    await page.reload();
    await page.getByRole("button", { name: "Remove the tag vip" }).waitFor();
  });

  await test("leaving in the middle of a change asks first", async () => {
    await page.getByRole("button", { name: /^Change Name:/ }).click();
    await page.getByLabel("Name", { exact: true }).fill("Somebody else");
    page.once("dialog", (dialog) => dialog.dismiss());
    await page.getByRole("link", { name: "Knowledge" }).first().click();
    assert.match(page.url(), /\/contacts\//);
    await page.getByLabel("Name", { exact: true }).press("Escape");
  });

  await test("a list is checked row by row before anything is imported", async () => {
    await page.goto("/contacts");
    await page.getByRole("link", { name: "Import", exact: true }).click();
    await page.locator('input[type="file"]').setInputFiles({ name: "people.csv", mimeType: "text/csv", buffer: Buffer.from(LIST) });
    assert.equal(await page.getByLabel("What Full name becomes").inputValue(), "name");
    assert.equal(await page.getByLabel("What E-Mail becomes").inputValue(), "email");
    assert.equal(await page.getByLabel("What Plan becomes").inputValue(), "");
    await page.getByLabel("What Plan becomes").selectOption("attributes.Plan");
    await page.getByRole("button", { name: "Check the list" }).click();
    const bad = page.getByRole("table", { name: /3 rows cannot be taken/ }).or(page.getByRole("table", { name: /2 rows cannot be taken/ }));
    await bad.waitFor();
    await bad.getByRole("row", { name: /^3 email/ }).waitFor();
    await bad.getByRole("row", { name: /row 2/ }).waitFor();
    assert.equal((await api("GET", "/contacts")).total, 1);
  });

  await test("then the good rows are imported", async () => {
    await page.getByRole("button", { name: "Import 2 contacts" }).click();
    await page.getByRole("heading", { name: "The import is done" }).waitFor();
    await page.getByRole("link", { name: "See the contacts" }).click();
    await link("Grace Hopper").waitFor();
    await link("Alan Turing").waitFor();
  });

  await test("the table is searched, sorted and narrowed, and the address keeps it", async () => {
    await page.getByRole("searchbox", { name: "Search contacts" }).fill("alan");
    await gone(link("Grace Hopper"));
    await link("Alan Turing").waitFor();
    await page.reload();
    await link("Alan Turing").waitFor();
    assert.equal(await link("Grace Hopper").count(), 0);
    await page.getByRole("searchbox", { name: "Search contacts" }).fill("");
    await link("Grace Hopper").waitFor();
    await page.getByLabel("Came from").selectOption("import");
    await gone(link("Ada Lovelace"));
    await page.getByLabel("Came from").selectOption("");
    await page.getByRole("button", { name: "Only contacts tagged vip" }).click();
    await page.getByRole("status").filter({ hasText: "1 contact" }).waitFor();
    await page.getByRole("button", { name: /Tag: vip/ }).click();
    await link("Grace Hopper").waitFor();
  });

  await test("the contacts are exported as CSV", async () => {
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "Export" }).click()]);
    assert.equal(download.suggestedFilename(), "contacts.csv");
  });

  await test("a contact's tickets and conversations are beside it", async () => {
    const { data } = await api("GET", "/contacts?q=grace");
    await api("POST", "/tickets", { subject: "Lamp arrived broken", contactId: data[0].id });
    await page.goto(`/contacts/${data[0].id}`);
    const history = page.getByRole("region", { name: "What happened" });
    await history.getByRole("link", { name: /Lamp arrived broken/ }).waitFor();
    await history.getByRole("button", { name: /^Tickets/ }).click();
    await history.getByRole("link", { name: /Lamp arrived broken/ }).waitFor();
    await history.getByRole("button", { name: /^Conversations/ }).click();
    await history.getByText("No conversations yet.").waitFor();
    await page.getByRole("link", { name: "New ticket" }).click();
    await page.getByRole("dialog").getByText("Grace Hopper").waitFor();
    await page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
  });

  await test("somebody is blocked, and let in again", async () => {
    const { data } = await api("GET", "/contacts?q=alan");
    await page.goto(`/contacts/${data[0].id}`);
    await page.getByRole("button", { name: "More actions" }).click();
    await page.getByRole("menuitem", { name: "Block" }).click();
    await page.getByRole("dialog").getByText("Everyone at example.com").waitFor();
    await page.getByRole("dialog").getByRole("button", { name: "Block", exact: true }).click();
    await main.getByText("Blocked", { exact: true }).waitFor();
    await page.getByRole("button", { name: "More actions" }).click();
    await page.getByRole("menuitem", { name: "Unblock" }).click();
    await gone(main.getByText("Blocked", { exact: true }));
  });

  await test("a duplicate is merged, with everything it has", async () => {
    const twin = await api("POST", "/contacts", { name: "A. Turing", phone: "+493011122233" });
    await api("POST", "/tickets", { subject: "A puzzle", contactId: twin.id });
    await page.goto(`/contacts/${twin.id}`);
    await page.getByRole("button", { name: "More actions" }).click();
    await page.getByRole("menuitem", { name: "Merge with a duplicate" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("searchbox").fill("alan");
    await dialog.getByRole("button", { name: /Alan Turing/ }).click();
    await dialog.getByRole("button", { name: "Merge", exact: true }).click();
    await page.getByRole("heading", { name: "Alan Turing", level: 1 }).waitFor();
    await page.getByRole("link", { name: /A puzzle/ }).waitFor();
    await page.getByRole("button", { name: /\+493011122233/ }).waitFor();
  });

  await test("a person's data is exported, and the person erased after being told what goes", async () => {
    await page.getByRole("button", { name: "More actions" }).click();
    await page.getByRole("menuitem", { name: "Erase" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText("1 ticket with its comments").waitFor();
    await dialog.getByText(/Backups made before now/).waitFor();
    const [download] = await Promise.all([page.waitForEvent("download"), dialog.getByRole("link", { name: /Export a copy/ }).click()]);
    assert.match(download.suggestedFilename(), /\.json$/);
    await dialog.getByRole("button", { name: "Erase for good" }).click();
    await page.getByRole("heading", { name: "Contacts", level: 1 }).waitFor();
    assert.equal((await api("GET", "/contacts?q=turing")).total, 0);
  });

  await test("a member may not import, merge or erase; a guest sees none of it", async () => {
    await page.route("**/api/workspaces?*", async (route) => {
      const answer = await route.fetch();
      const body = await answer.json();
      for (const each of body.data) each.role = "member";
      await route.fulfill({ response: answer, json: body });
    });
    await page.goto("/contacts");
    await link("Grace Hopper").click();
    await page.getByRole("button", { name: "More actions" }).click();
    await page.getByRole("menuitem", { name: "Block" }).waitFor();
    assert.equal(await page.getByRole("menuitem", { name: "Erase" }).count(), 0);
    assert.equal(await page.getByRole("menuitem", { name: /Merge/ }).count(), 0);
    await page.goto("/contacts/import");
    await page.getByText("Only admins can import contacts.").waitFor();
    await page.unroute("**/api/workspaces?*");
  });

  for (const [colorScheme, viewport] of [["light"], ["dark"], ["light", PHONE]]) {
    const where = `${colorScheme}${viewport ? ", on a phone" : ""}`;
    const reader = await newPerson(browser, { url: server.url, axe: true, colorScheme, ...(viewport ? { viewport } : {}) });
    await reader.context.addCookies(await person.context.cookies());
    await test(`contacts are accessible, ${where}`, async () => {
      const { data } = await api("GET", "/contacts?q=ada");
      for (const [name, path, ready] of [
        ["contacts", "/contacts", () => reader.page.getByRole("table").waitFor()],
        ["contact", `/contacts/${data[0].id}`, () => reader.page.getByRole("region", { name: "Notes" }).getByText("Call in").waitFor()],
        ["import", "/contacts/import", () => reader.page.getByRole("button", { name: "Choose a CSV file" }).waitFor()],
      ]) {
        await reader.page.goto(path);
        await ready();
        await assertAccessible(reader.page, name);
        const wide = await reader.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        assert.ok(wide <= 0, `${path} is ${wide} px too wide`);
        if (name === "contact" && !viewport) await screenshot(reader.page, screenshots, `contact-${colorScheme}`);
      }
      await reader.page.goto(`/contacts/${data[0].id}`);
      await reader.page.getByRole("button", { name: "More actions" }).click();
      await reader.page.getByRole("menuitem", { name: "Erase" }).click();
      await reader.page.getByRole("dialog").waitFor();
      await assertAccessible(reader.page, "erase");
    });
    await reader.context.close();
  }

  await test("nothing failed in the pages, and no policy was broken", async () => assertQuiet(person));
}
