// Signing up by oneself, on a server that lets everybody in.
import assert from "node:assert/strict";
import { assertAccessible, assertQuiet, newPerson } from "../person.js";
import { demo } from "../server.js";

export default async function ({ browser, test, afterwards }) {
  const server = await demo({ ILLUMICHAT_SIGNUP: "open", ILLUMICHAT_WORKSPACES__CREATE: "everyone" });
  afterwards(server.stop);
  const person = await newPerson(browser, { ...server, axe: true });
  afterwards(() => person.context.close());
  const { page } = person;

  await test("the sign-in page leads to the sign-up", async () => {
    await page.goto(`${server.url}/signin`);
    await page.getByRole("link", { name: "Sign up" }).click();
    await page.getByRole("heading", { name: "Sign up" }).waitFor();
    await assertAccessible(page, "sign-up");
  });

  await test("a password that is too short is said at its field, and nothing typed is lost", async () => {
    await page.getByLabel("Your name").fill("Grace Hopper");
    await page.getByLabel("Email").fill("grace@example.com");
    await page.getByLabel("Password", { exact: true }).fill("short");
    await page.getByRole("button", { name: "Sign up" }).click();
    await page.locator("input[name=password][aria-invalid=true], [aria-invalid=true]").first().waitFor();
    assert.equal(await page.getByLabel("Email").inputValue(), "grace@example.com");
  });

  await test("with a good one the account is there, and asks for a workspace of its own", async () => {
    await page.getByLabel("Password", { exact: true }).fill("a lamp in the dark");
    await page.getByRole("button", { name: "Sign up" }).click();
    await page.getByRole("heading", { name: "Make your workspace" }).waitFor();
    await page.getByText("grace@example.com").waitFor();
    await assertAccessible(page, "no workspace yet");
    await page.getByLabel("Workspace name").fill("Hopper & Co");
    await page.getByRole("button", { name: "Create workspace" }).click();
    await page.getByRole("heading", { name: "Hello, Grace" }).waitFor();
    await page.getByRole("banner").getByText("Hopper & Co").waitFor();
  });

  await test("the same email again is told to sign in, at its field", async () => {
    const again = await newPerson(browser, server);
    await again.page.goto(`${server.url}/signup`);
    await again.page.getByLabel("Your name").fill("Somebody");
    await again.page.getByLabel("Email").fill("grace@example.com");
    await again.page.getByLabel("Password", { exact: true }).fill("another lamp in the dark");
    await again.page.getByRole("button", { name: "Sign up" }).click();
    await again.page.getByText(/sign in/i).first().waitFor();
    assert.equal(new URL(again.page.url()).pathname, "/signup");
    assertQuiet(again);
    await again.context.close();
  });

  await test("nothing failed in the page, and no policy was broken", () => assertQuiet(person));
}
