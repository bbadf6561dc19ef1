// The people of a workspace and their accounts: an invitation from both ends, the second factor, a provider, questions and
// answers, websites, the settings, the audit log, and the end of a workspace.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { assertAccessible, assertQuiet, gone, newPerson, PHONE, screenshot } from "../person.js";
import { serve } from "../server.js";

const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** What an authenticator app shows for a secret (RFC 6238). `ahead`: the next one, which the server takes already. */
function totp(secret, ahead = 0) {
  const bits = [...secret].map((letter) => BASE32.indexOf(letter).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + ahead));
  const mac = createHmac("sha1", key).update(step).digest();
  const at = mac.at(-1) & 15;
  return String((mac.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}

export default async function ({ browser, test, screenshots, afterwards }) {
  const server = await serve();
  afterwards(server.stop);
  const owner = await newPerson(browser, server);
  afterwards(() => owner.context.close());
  const { page } = owner;
  const main = page.getByRole("main");
  let link = "";
  let projectId = "";
  let secret = "";
  let recovery = "";

  await test("the owner invites somebody, and gets a link although no mail is set up", async () => {
    await page.goto(server.setUpUrl);
    await page.getByLabel("Your name").fill("Ada Lovelace");
    await page.getByLabel("Email").fill("ada@example.com");
    await page.getByLabel("Password", { exact: true }).fill("a lamp in the dark");
    await page.getByLabel("Workspace name").fill("Lamps & Co");
    await page.getByRole("button", { name: "Create workspace" }).click();
    await page.getByRole("heading", { name: "Hello, Ada" }).waitFor();
    await page.goto("/settings/members");
    await main.getByText("ada@example.com").waitFor();
    await page.getByRole("button", { name: "Invite someone" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Email").fill("grace@example.com");
    await dialog.getByLabel("Role").selectOption("member");
    await dialog.getByRole("button", { name: "Invite", exact: true }).click();
    link = await dialog.locator("[data-invitation]").innerText();
    await dialog.getByText("No mail was sent").waitFor();
    await dialog.getByRole("button", { name: "Done" }).click();
    await main.getByText("grace@example.com").waitFor();
  });

  await test("an invitation gets a new link, and the old one is over", async () => {
    await page.getByRole("button", { name: "New link for grace@example.com" }).click();
    const dialog = page.getByRole("dialog");
    const fresh = await dialog.locator("[data-invitation]").innerText();
    assert.notEqual(fresh, link);
    await dialog.getByRole("button", { name: "Done" }).click();
    const guest = await newPerson(browser, server);
    await guest.page.goto(new URL(link).pathname);
    await guest.page.getByRole("heading", { name: "This invitation is over" }).waitFor();
    await guest.context.close();
    link = fresh;
  });

  const grace = await newPerson(browser, server);
  afterwards(() => grace.context.close());

  await test("somebody new accepts, and is at work", async () => {
    await grace.page.goto(new URL(link).pathname);
    await grace.page.getByRole("heading", { name: "Join Lamps & Co" }).waitFor();
    await grace.page.getByText("Ada Lovelace invites grace@example.com").waitFor();
    await grace.page.getByLabel("Your name").fill("Grace Hopper");
    await grace.page.getByLabel("Password", { exact: true }).fill("short");
    await grace.page.getByRole("button", { name: "Make account and join" }).click();
    await grace.page.locator("[data-field-error]").waitFor();
    await grace.page.getByLabel("Password", { exact: true }).fill("nanoseconds of wire");
    await grace.page.getByRole("button", { name: "Make account and join" }).click();
    await grace.page.getByRole("heading", { name: "Hello, Grace" }).waitFor();
    await grace.page.goto("/settings/members");
    await grace.page.getByText("Owners and admins see and change").waitFor();
    assert.equal(await grace.page.getByRole("button", { name: "Invite someone" }).count(), 0);
  });

  await test("the owner makes them an admin, who cannot touch the owner", async () => {
    await page.reload();
    await page.getByLabel("Role of Grace Hopper").selectOption("admin");
    await page.getByText("Grace Hopper has a new role").waitFor();
    await screenshot(page, screenshots, "members");
    await grace.page.reload();
    await grace.page.getByRole("button", { name: "Invite someone" }).waitFor();
    await grace.page.getByText("ada@example.com").waitFor();
    assert.equal(await grace.page.getByLabel("Role of Ada Lovelace").count(), 0);
  });

  await test("the last owner cannot leave", async () => {
    await page.getByRole("button", { name: "Leave workspace" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Leave workspace" }).click();
    await page.getByRole("dialog").getByRole("alert").getByText("last owner").waitFor();
    await page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
  });

  await test("somebody with an account signs in to accept", async () => {
    await page.goto("/settings");
    await page.getByRole("button", { name: "New workspace" }).click();
    await page.getByRole("dialog").getByLabel("Workspace name").fill("Second");
    await page.getByRole("dialog").getByRole("button", { name: "Create workspace" }).click();
    await page.getByText("Second is ready").waitFor();
    await page.goto("/settings/members");
    await page.getByRole("button", { name: "Invite someone" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Email").fill("grace@example.com");
    await dialog.getByRole("button", { name: "Invite", exact: true }).click();
    const second = await dialog.locator("[data-invitation]").innerText();
    await dialog.getByRole("button", { name: "Done" }).click();

    // The wrong person first.
    await page.goto(new URL(second).pathname);
    await page.getByText("You are signed in as ada@example.com").waitFor();

    const other = await newPerson(browser, server);
    await other.page.goto(new URL(second).pathname);
    await other.page.getByRole("link", { name: "Sign in to accept" }).click();
    await other.page.getByLabel("Email").fill("grace@example.com");
    await other.page.getByLabel("Password", { exact: true }).fill("nanoseconds of wire");
    await other.page.getByRole("button", { name: "Sign in" }).click();
    await other.page.getByRole("button", { name: "Accept invitation" }).click();
    await other.page.getByRole("heading", { name: "Hello, Grace" }).waitFor();
    await other.page.getByRole("banner").getByRole("paragraph").filter({ hasText: "Second" }).waitFor();
    assertQuiet(other);
    await other.context.close();
  });

  await test("a workspace is deleted by typing its name", async () => {
    await page.goto("/settings");
    await page.getByRole("button", { name: "Delete workspace" }).click();
    const dialog = page.getByRole("dialog");
    assert.ok(await dialog.getByRole("button", { name: "Delete workspace" }).isDisabled());
    await dialog.getByLabel("Type its name").fill("Second");
    await dialog.getByRole("button", { name: "Delete workspace" }).click();
    await page.getByText("Second is deleted").waitFor();
    await page.getByRole("banner").getByRole("paragraph").filter({ hasText: "Lamps & Co" }).waitFor();
  });

  await test("the second factor is set up with a code, and asked for at the next sign-in", async () => {
    await grace.page.goto("/settings/account");
    await grace.page.getByRole("button", { name: "Set up" }).click();
    const dialog = grace.page.getByRole("dialog");
    await dialog.getByRole("img", { name: "QR code" }).waitFor();
    secret = await dialog.locator("[data-secret]").innerText();
    await dialog.getByLabel("The code that the app shows now").fill("000000");
    await dialog.getByRole("button", { name: "Switch on" }).click();
    await dialog.getByRole("alert").waitFor();
    await dialog.getByLabel("The code that the app shows now").fill(totp(secret));
    await dialog.getByRole("button", { name: "Switch on" }).click();
    await dialog.locator("[data-recovery] li").first().waitFor();
    recovery = await dialog.locator("[data-recovery] li").first().innerText();
    await dialog.getByRole("button", { name: "I have kept them" }).click();

    const phone = await newPerson(browser, { ...server, viewport: PHONE });
    await phone.page.goto("/signin");
    await phone.page.getByLabel("Email").fill("grace@example.com");
    await phone.page.getByLabel("Password", { exact: true }).fill("nanoseconds of wire");
    await phone.page.getByRole("button", { name: "Sign in" }).click();
    await phone.page.getByRole("heading", { name: "One more step" }).waitFor();
    await phone.page.getByLabel("Code").fill("nonsense");
    await phone.page.getByRole("button", { name: "Sign in" }).click();
    await phone.page.getByRole("alert").waitFor();
    await phone.page.getByLabel("Code").fill(recovery);
    await phone.page.getByRole("button", { name: "Sign in" }).click();
    await phone.page.getByRole("heading", { name: "Hello, Grace" }).waitFor();
    assertQuiet(phone);
    await grace.page.reload();
    await grace.page.getByRole("button", { name: "Sign out all others" }).click();
    await grace.page.getByRole("dialog").getByRole("button", { name: "Sign out all others" }).click();
    await grace.page.getByText("Signed out", { exact: true }).waitFor();
    await phone.page.goto("/assistants");
    await phone.page.getByRole("heading", { name: "Sign in" }).waitFor();
    await phone.context.close();
  });

  await test("the password is changed, refused at its field first", async () => {
    await page.goto("/settings/account");
    await page.getByLabel("Current password").fill("not this one at all");
    await page.getByLabel("New password").fill("a brighter lamp");
    await page.getByRole("button", { name: "Change password" }).click();
    await main.getByRole("alert").waitFor();
    await page.getByLabel("Current password").fill("a lamp in the dark");
    await page.getByRole("button", { name: "Change password" }).click();
    await page.getByText("Your password is changed").waitFor();
  });

  await test("a server without mail says how else to get a new password, and a spent link is refused", async () => {
    const other = await newPerson(browser, server);
    await other.page.goto("/signin");
    await other.page.getByRole("link", { name: "Forgot your password?" }).click();
    // The page before has a field of this name too.
    await other.page.getByRole("button", { name: "Send link" }).waitFor();
    await other.page.getByLabel("Email").fill("nobody@example.com");
    await other.page.getByRole("button", { name: "Send link" }).click();
    await other.page.getByRole("alert").getByText("illumichat user reset-password").waitFor();
    await other.page.goto("/reset-password?token=spent");
    await other.page.getByLabel("New password").fill("a brighter lamp");
    await other.page.getByRole("button", { name: "Set password" }).click();
    await other.page.getByRole("alert").waitFor();
    assertQuiet(other);
    await other.context.close();
  });

  await test("a provider is added, tested at once, and its key is not shown again", async () => {
    await page.goto("/settings/models");
    await page.getByRole("button", { name: "Add provider" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Kind").selectOption("openai-compatible");
    await dialog.getByLabel("Name", { exact: true }).fill("lamp-llm");
    await dialog.getByLabel("API key").fill("sk-very-secret-9876");
    await dialog.getByLabel("Address").fill("https://llm.invalid/v1");
    await dialog.getByLabel("Models").fill("bright-1");
    await dialog.getByRole("button", { name: "Add provider" }).click();
    await main.getByText(/Failed after/).waitFor({ timeout: 30_000 });
    await main.getByText("key …9876").waitFor();
    await page.getByRole("button", { name: "Edit lamp-llm" }).click();
    assert.equal(await dialog.getByLabel("API key").inputValue(), "");
    await dialog.getByText("The key …9876 is saved").waitFor();
    await dialog.getByRole("button", { name: "Cancel" }).click();
  });

  await test("the default model is chosen", async () => {
    await page.getByLabel("Default model").selectOption("lamp-llm/bright-1");
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await page.getByText("Saved", { exact: true }).waitFor();
    await page.reload();
    await page.getByLabel("Default model").waitFor();
    assert.equal(await page.getByLabel("Default model").inputValue(), "lamp-llm/bright-1");
    await screenshot(page, screenshots, "models");
  });

  await test("models get prices, which are changed and taken away", async () => {
    const prices = async () => (await (await page.request.get("/api/workspaces")).json()).data[0].settings.modelPrices;
    await page.getByRole("button", { name: "Add a price" }).click();
    await page.getByLabel("Model, row 1").fill("lamp/bright-1");
    await page.getByLabel("Price of the input, row 1").fill("0.25");
    await page.getByLabel("Price of the output, row 1").fill("2");
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await gone(page.getByText("You have changes"));
    assert.deepEqual(await prices(), { "lamp/bright-1": { input: 0.25, output: 2 } });
    await page.getByLabel("Model, row 1").fill("lamp/bright-2");
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await gone(page.getByText("You have changes"));
    assert.deepEqual(Object.keys(await prices()), ["lamp/bright-2"]);
    await page.getByRole("button", { name: "Remove row 1" }).click();
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await gone(page.getByText("You have changes"));
    assert.deepEqual(await prices(), {});
  });

  await test("a provider is deleted", async () => {
    await page.getByRole("button", { name: "Delete lamp-llm" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await page.getByText("Provider deleted").waitFor();
  });

  await test("a question with its answer is added, changed, imported over and deleted", async () => {
    await page.goto("/knowledge?new");
    await page.getByLabel("Name", { exact: true }).fill("Help centre");
    await page.getByRole("button", { name: "Create project" }).click();
    await page.waitForURL("**/knowledge/proj_*");
    projectId = new URL(page.url()).pathname.split("/")[2];
    await page.goto(`/knowledge/${projectId}/qa`);
    await page.getByRole("button", { name: "Add question" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Question").fill("How long may I return a lamp?");
    await dialog.getByLabel("Answer").fill("45 days.");
    await dialog.getByLabel("The same in other words").fill("What is the return period?\nCan I send it back?");
    await dialog.getByRole("button", { name: "Add question" }).click();
    await main.getByText("2 other wordings").waitFor();
    await page.getByRole("button", { name: "Import CSV" }).click();
    const csv = "question,answer\nHow long may I return a lamp?,60 days.\nDo you ship abroad?,Yes.\n,nothing\n";
    await dialog.locator('input[type="file"]').setInputFiles({ name: "qa.csv", mimeType: "text/csv", buffer: Buffer.from(csv) });
    await dialog.getByRole("button", { name: "Import", exact: true }).click();
    await dialog.getByText("1 added, 1 changed.").waitFor();
    await dialog.getByText(/Row 3/).waitFor();
    await dialog.getByRole("button", { name: "Done" }).click();
    await main.getByText("60 days.").waitFor();
    await page.getByRole("searchbox", { name: "Search questions" }).fill("abroad");
    await gone(main.getByText("60 days."));
    await page.getByRole("button", { name: /^Delete “Do you ship/ }).click();
    await dialog.getByRole("button", { name: "Delete" }).click();
    await main.getByText("No question or answer").waitFor();
  });

  await test("a website is added, its failure is told, and it is removed", async () => {
    await page.goto(`/knowledge/${projectId}/sources`);
    await page.getByRole("button", { name: "Add website" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Address").fill("http://127.0.0.1:9/");
    await dialog.getByRole("button", { name: "Add website" }).click();
    await dialog.locator("[data-field-error]").waitFor();
    await dialog.getByLabel("Address").fill("https://lamps.invalid/help");
    await dialog.getByLabel("Read again").selectOption("daily");
    await dialog.getByRole("button", { name: "Add website" }).click();
    await main.getByRole("link", { name: /lamps\.invalid/ }).click();
    await main.getByText("Failed", { exact: true }).waitFor({ timeout: 60_000 });
    await page.getByRole("button", { name: "Remove", exact: true }).click();
    await dialog.getByRole("button", { name: "Remove" }).click();
    await page.getByText("No website yet").waitFor();
  });

  await test("a project becomes private", async () => {
    await page.goto(`/knowledge/${projectId}/members`);
    await page.getByLabel("Who sees this project").selectOption("private");
    await page.getByText("Saved", { exact: true }).waitFor();
    await page.getByText("Nobody yet, apart from").waitFor();
  });

  await test("opening hours and targets are kept, and a wrong time zone is said at its field", async () => {
    await page.goto("/settings");
    await page.getByLabel("Time zone").fill("Europe/Nowhere");
    await page.getByRole("switch", { name: "Always open" }).uncheck();
    await page.getByRole("button", { name: "Add hours on Monday" }).click();
    await page.getByLabel("Monday, from").fill("08:30");
    await page.getByLabel("High: first answer, in minutes").fill("45");
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await page.locator("[data-field-error]").waitFor();
    await page.getByLabel("Time zone").fill("Europe/Vienna");
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await page.getByText("Saved", { exact: true }).waitFor();
    await page.reload();
    await page.getByLabel("Monday, from").waitFor();
    assert.equal(await page.getByLabel("Monday, from").inputValue(), "08:30");
    assert.equal(await page.getByLabel("Time zone").inputValue(), "Europe/Vienna");
    assert.equal(await page.getByLabel("High: first answer, in minutes").inputValue(), "45");
  });

  await test("the audit log is filtered by what was done", async () => {
    await page.goto("/settings/audit");
    await main.getByText("Changed a role").last().waitFor();
    await page.getByLabel("What").selectOption("member.role_changed");
    await main.getByText("from: member · to: admin").waitFor();
    await gone(main.getByRole("listitem").getByText("Invited someone"));
    await page.reload();
    await main.getByText("from: member · to: admin").waitFor();
  });

  await test("a member is removed", async () => {
    await page.goto("/settings/members");
    await page.getByRole("button", { name: "More about Grace Hopper" }).click();
    await page.getByRole("menuitem", { name: "Remove from workspace" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
    await page.getByText("Grace Hopper was removed").waitFor();
  });

  await test("no script failed and no policy was broken", () => {
    assertQuiet(owner);
    assertQuiet(grace);
  });

  const cookies = await owner.context.cookies();
  for (const [colorScheme, viewport] of [["light", undefined], ["dark", undefined], ["light", PHONE]]) {
    const size = viewport ? ", on a phone" : "";
    await test(`the pages are accessible, ${colorScheme}${size}`, async () => {
      const viewer = await newPerson(browser, { ...server, axe: true, colorScheme, ...(viewport ? { viewport } : {}) });
      await viewer.page.goto("/forgot-password");
      await viewer.page.getByRole("heading", { level: 1 }).waitFor();
      await assertAccessible(viewer.page, "forgot password");
      await viewer.context.addCookies(cookies);
      for (const path of ["/settings", "/settings/account", "/settings/members", "/settings/models", "/settings/audit", `/knowledge/${projectId}/qa`, `/knowledge/${projectId}/sources`, `/knowledge/${projectId}/members`]) {
        await viewer.page.goto(path);
        await viewer.page.getByRole("heading", { level: 1 }).waitFor();
        await viewer.page.waitForLoadState("networkidle");
        await assertAccessible(viewer.page, path);
      }
      await viewer.context.close();
    });
  }
}
