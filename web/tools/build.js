// Builds every page and script that the executable carries, into one folder: $ILLUMICHAT_WEB_OUT, else web/.build.
// The dashboard's build empties nothing and the widget's neither: this file does, once, before both.
// Afterwards each compressible file gets a `.br` and a `.gz` beside it, so that the server never compresses.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { extname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const web = resolve(fileURLToPath(import.meta.url), "../..");
const out = resolve(process.env.ILLUMICHAT_WEB_OUT ?? join(web, ".build"));
const compressible = new Set([".html", ".js", ".css", ".json", ".svg", ".map", ".txt", ".webmanifest"]);

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });

for (const workspace of ["dashboard", "widget"]) {
  if (!existsSync(join(web, workspace, "vite.config.ts"))) continue;
  const run = spawnSync("npm", ["run", "build", "--silent", "-w", `@illumichat/${workspace}`], {
    cwd: web,
    env: { ...process.env, ILLUMICHAT_WEB_OUT: out },
    stdio: "inherit",
  });
  if (run.status !== 0) process.exit(run.status ?? 1);
}

let files = 0;
let bytes = 0;
for (const entry of readdirSync(out, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile()) continue;
  const path = join(entry.parentPath, entry.name);
  const body = readFileSync(path);
  files += 1;
  bytes += body.length;
  if (!compressible.has(extname(path)) || body.length < 256) continue;
  writeFileSync(`${path}.gz`, gzipSync(body, { level: 9 }));
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: body.length };
  writeFileSync(`${path}.br`, brotliCompressSync(body, { params }));
}
console.log(`web: ${files} files, ${(bytes / 1024).toFixed(0)} KiB before compression`);
