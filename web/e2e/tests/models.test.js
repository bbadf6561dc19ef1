// The models folder as the page of the models shows it: files that a person puts there, nothing to set up.
import assert from "node:assert/strict";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { assertAccessible, assertQuiet, newPerson, PHONE } from "../person.js";
import { demo } from "../server.js";

export default async function ({ browser, test, afterwards }) {
  const server = await demo();
  afterwards(server.stop);
  const person = await newPerson(browser, server);
  afterwards(() => person.context.close());
  const { page } = person;
  const main = page.getByRole("main");
  const models = join(server.data, "models");
  await page.goto(server.signInUrl);
  await page.getByRole("navigation", { name: "Main" }).first().waitFor();

  await test("without a file it is said how a model gets in, with the guide behind it", async () => {
    await page.goto("/settings/models");
    await main.getByText("put a GGUF file into the folder models").waitFor();
    const [guide] = await Promise.all([page.context().waitForEvent("page"), main.getByRole("link", { name: "How to add a model" }).click()]);
    await guide.getByRole("heading", { name: "Can a model run inside IllumiChat?" }).waitFor();
    await guide.close();
  });

  await test("a file in the folder appears, with what is wrong with it, and is not to be edited", async () => {
    mkdirSync(models, { recursive: true });
    writeFileSync(join(models, "lamp-1b.gguf"), "no model at all");
    await page.reload();
    await main.getByText("Inside the server").waitFor();
    const files = main.getByRole("list", { name: "Files in the models folder" });
    await files.getByText("lamp-1b.gguf", { exact: true }).waitFor();
    await files.getByText("is not a GGUF file, or is broken").waitFor();
    for (const name of ["Edit local", "Delete local"]) assert.equal(await page.getByRole("button", { name }).count(), 0);
    for (const options of [{}, { colorScheme: "dark", viewport: PHONE }]) {
      const other = await newPerson(browser, { url: server.url, axe: true, ...options });
      await other.context.addCookies(await person.context.cookies());
      await other.page.goto("/settings/models");
      await other.page.getByText("Inside the server").waitFor();
      await assertAccessible(other.page, `models ${options.colorScheme}`);
      assert.ok(await other.page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "nothing is cut off");
      // The tab of the page that is shown is in sight.
      const tab = await other.page.getByRole("navigation", { name: "Settings" }).getByRole("link", { name: "Models" }).boundingBox();
      assert.ok(tab.x >= 0 && tab.x + tab.width <= (options.viewport?.width ?? 1280));
      await other.context.close();
    }
  });

  await test("when the files change, looking again shows it", async () => {
    writeFileSync(join(models, "lamp-2b.gguf"), "nor this");
    await page.getByRole("button", { name: "Look again" }).click();
    await main.getByRole("list", { name: "Files in the models folder" }).getByText("lamp-2b.gguf", { exact: true }).waitFor();
    for (const file of ["lamp-1b.gguf", "lamp-2b.gguf"]) rmSync(join(models, file));
    await page.getByRole("button", { name: "Look again" }).click();
    await main.getByText("put a GGUF file into the folder models").waitFor();
    assertQuiet(person);
  });
}
