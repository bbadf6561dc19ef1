// A person at a browser: a context of their own, and everything that went wrong in its pages.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { violations } from "./browser.js";

export const DESKTOP = { width: 1280, height: 832 };
export const PHONE = { width: 390, height: 780 };

/** A new person. Their pages must run under the server's Content-Security-Policy unless `axe` is to look at them. */
export async function newPerson(browser, { url, axe = false, colorScheme = "light", viewport = DESKTOP, locale = "en-GB" }) {
  const context = await browser.newContext({ baseURL: url, bypassCSP: axe, colorScheme, viewport, locale, reducedMotion: axe ? "reduce" : "no-preference" });
  context.setDefaultTimeout(15_000);
  const page = await context.newPage();
  const troubles = [];
  page.on("pageerror", (error) => troubles.push(`error: ${error.message}`));
  page.on("console", (message) => {
    // The browser itself reports refused requests; those are what some tests are about.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) troubles.push(message.text());
  });
  return { page, context, troubles };
}

/** No script failed and no policy was broken. */
export function assertQuiet({ troubles }) {
  assert.deepEqual(troubles, []);
}

export async function assertAccessible(page, where) {
  assert.deepEqual(await violations(page), [], where);
}

/** Waits until there is none of it; there may have been several. */
export function gone(locator) {
  return locator.first().waitFor({ state: "detached" });
}

export async function screenshot(page, folder, name) {
  if (!folder) return;
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`) });
}
