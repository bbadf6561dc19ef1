// Builds the widget, serves it beside a scripted server, and drives it in Chromium on pages of another origin.
// Arguments choose tests by a part of their name; `--screenshots` writes pictures to `e2e/screenshots`.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { findBrowser, launch } from "../../e2e/browser.js";
import { Backend } from "./backend.js";
import suite from "./widget.test.js";

const here = resolve(fileURLToPath(import.meta.url), "..");
const wanted = process.argv.slice(2).filter((each) => !each.startsWith("--"));
const screenshots = process.argv.includes("--screenshots") ? join(here, "screenshots") : null;
if (screenshots) mkdirSync(screenshots, { recursive: true });

const path = findBrowser();
if (!path) {
  console.error(
    "\nTHE WIDGET'S BROWSER TESTS DID NOT RUN: no Chromium was found.\n" +
      "Install it (Debian: apt-get install chromium; macOS: brew install --cask chromium) or name one in CHROME_PATH.\n",
  );
  process.exit(process.env.ILLUMICHAT_E2E === "optional" ? 0 : 1);
}

const dist = mkdtempSync(join(tmpdir(), "illumichat-widget-"));
const env = { ...process.env, ILLUMICHAT_WEB_OUT: dist };
env.ILLUMICHAT_PACKAGE_OUT = join(dist, "package");
for (const script of ["build", "package"]) {
  const build = spawnSync("npm", ["run", script, "--silent"], { cwd: resolve(here, ".."), env, encoding: "utf8" });
  if (build.status !== 0) {
    console.error(build.stdout + build.stderr);
    process.exit(1);
  }
}

const browser = await launch(path);
const failed = [];
let passed = 0;
/** One test, on a server of its own. */
const test = async (name, run) => {
  if (wanted.length && !wanted.some((part) => name.includes(part))) return;
  const from = performance.now();
  const backend = await new Backend(dist).start();
  const contexts = [];
  const open = async (options) => {
    const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, ...options });
    contexts.push(context);
    return context;
  };
  try {
    await run({ backend, open });
    passed += 1;
    console.log(`  ok   ${name} (${Math.round(performance.now() - from)} ms)`);
  } catch (cause) {
    failed.push(name);
    console.log(`  FAIL ${name}\n${String(cause.stack ?? cause).replace(/^/gm, "       ")}`);
  }
  for (const context of contexts) await context.close();
  backend.stop();
};

await suite({ test, screenshots });
await browser.close();
rmSync(dist, { recursive: true, force: true });
console.log(`\nwidget browser tests: ${passed} passed, ${failed.length} failed`);
process.exit(failed.length || !passed ? 1 : 0);
