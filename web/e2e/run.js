// Runs the browser tests, one file after another, and says how many passed. Arguments choose files by a part of their name;
// `--screenshots` also writes the pictures that the README shows.
import { readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { findBrowser, launch } from "./browser.js";

const here = resolve(fileURLToPath(import.meta.url), "..");
const wanted = process.argv.slice(2).filter((each) => !each.startsWith("--"));
const screenshots = process.argv.includes("--screenshots") ? join(here, "screenshots") : null;

const path = findBrowser();
if (!path) {
  console.error(
    "\nTHE BROWSER TESTS DID NOT RUN: no Chromium was found.\n" +
      "Install it (Debian: apt-get install chromium; macOS: brew install --cask chromium) or name one in CHROME_PATH.\n",
  );
  process.exit(process.env.ILLUMICHAT_E2E === "optional" ? 0 : 1);
}
if (!process.env.ILLUMICHAT_BIN) {
  console.error("\nTHE BROWSER TESTS DID NOT RUN: ILLUMICHAT_BIN must name a built executable.\n");
  process.exit(1);
}
for (const name of ["ILLUMICHAT_BIN", "ILLUMICHAT_E2E_PAGES"]) {
  if (process.env[name]) process.env[name] = resolve(process.env.INIT_CWD ?? ".", process.env[name]);
}

const browser = await launch(path);
let passed = 0;
const failed = [];
const files = readdirSync(join(here, "tests")).filter((file) => file.endsWith(".test.js")).sort();
for (const file of files.filter((each) => !wanted.length || wanted.some((part) => each.includes(part)))) {
  console.log(`\n${file}`);
  const { default: suite } = await import(pathToFileURL(join(here, "tests", file)).href);
  const clean = [];
  let inARow = 0;
  const test = async (name, run) => {
    // The tests of a file build on each other: after three failures the rest would only wait for what cannot come.
    if (inARow >= 3) {
      failed.push(`${file}: ${name}: not run`);
      return;
    }
    const from = performance.now();
    try {
      await run();
      passed += 1;
      inARow = 0;
      console.log(`  ok   ${name} (${Math.round(performance.now() - from)} ms)`);
    } catch (cause) {
      failed.push(`${file}: ${name}`);
      inARow += 1;
      console.log(`  FAIL ${name}\n${String(cause.stack ?? cause).replace(/^/gm, "       ")}`);
    }
  };
  try {
    await suite({ browser, test, screenshots, afterwards: (run) => clean.push(run) });
  } catch (cause) {
    failed.push(`${file}: before or between its tests`);
    console.log(`  FAIL outside a test\n${String(cause.stack ?? cause).replace(/^/gm, "       ")}`);
  }
  for (const run of clean.reverse()) await run().catch((cause) => console.log(`  clean-up: ${cause.message}`));
}
await browser.close();
console.log(`\nbrowser tests: ${passed} passed, ${failed.length} failed`);
for (const name of failed) console.log(`  failed: ${name}`);
process.exit(failed.length || !passed ? 1 : 0);
