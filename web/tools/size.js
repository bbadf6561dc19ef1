// The size gate: what a page costs before it does anything, gzip -9, against `tools/budgets.json`.
// A budget names either files of the build by pattern, or an HTML page: then it is what that page asks for at once
// (its module scripts, its preloads, its style sheets).
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, matchesGlob, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const web = resolve(fileURLToPath(import.meta.url), "../..");
const out = resolve(process.env.ILLUMICHAT_WEB_OUT ?? join(web, ".build"));
const budgets = JSON.parse(readFileSync(join(web, "tools/budgets.json"), "utf8"));
if (!existsSync(out)) {
  console.error(`There is no build at ${out}: run \`npm run build\` first.`);
  process.exit(1);
}

const files = readdirSync(out, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && !/\.(br|gz)$/.test(entry.name))
  .map((entry) => relative(out, join(entry.parentPath, entry.name)).replaceAll("\\", "/"));
const gz = (file) => gzipSync(readFileSync(join(out, file)), { level: 9 }).length;

function firstLoad(page, extension) {
  if (!files.includes(page)) return [];
  const html = readFileSync(join(out, page), "utf8");
  return [...html.matchAll(/(?:src|href)="\/([^"]+)"/g)].map((match) => match[1]).filter((file) => file.endsWith(extension));
}

let over = 0;
for (const { name, page, extension, files: patterns, kib, optional } of budgets) {
  const counted = page ? firstLoad(page, extension) : files.filter((file) => patterns.some((p) => matchesGlob(file, p)));
  if (!counted.length) {
    if (!optional) over += 1;
    console.log(`${optional ? "skip" : "FAIL"} ${name}: nothing in the build matches`);
    continue;
  }
  const total = counted.reduce((sum, file) => sum + gz(file), 0) / 1024;
  const ok = total <= kib;
  if (!ok) over += 1;
  console.log(`${ok ? "ok  " : "FAIL"} ${name}: ${total.toFixed(1)} of ${kib} KiB gz (${counted.length} files)`);
}
console.log(over ? `size: ${over} over budget` : `size: ${budgets.length} budgets held`);
process.exit(over ? 1 : 0);
