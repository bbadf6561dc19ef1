// Writes api/src/schema.ts from api/openapi.json. With ILLUMICHAT_BIN set, asks that executable for the document first.
// `--check` writes nothing and fails where the file is not what would be written.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import openapiTS, { astToString } from "openapi-typescript";

const web = resolve(fileURLToPath(import.meta.url), "../..");
const document = join(web, "api/openapi.json");
const schema = join(web, "api/src/schema.ts");
const check = process.argv.includes("--check");

if (process.env.ILLUMICHAT_BIN && !check) {
  const bin = resolve(process.env.INIT_CWD ?? ".", process.env.ILLUMICHAT_BIN);
  const run = spawnSync(bin, ["openapi"], { encoding: "utf8", maxBuffer: 1 << 26 });
  if (run.status !== 0) {
    console.error(`\`${bin} openapi\` failed: ${run.stderr || run.error?.message}`);
    process.exit(1);
  }
  writeFileSync(document, `${JSON.stringify(JSON.parse(run.stdout), null, 2)}\n`);
}
if (!existsSync(document)) {
  console.error("There is no api/openapi.json: name a built executable in ILLUMICHAT_BIN to have it written.");
  process.exit(1);
}

const head = "/**\n * The server's operations and resources. Written by `npm run generate` from `openapi.json`: do not edit.\n */\n\n";
const text = head + astToString(await openapiTS(pathToFileURL(document)));
if (!check) {
  writeFileSync(schema, text);
  console.log("api/src/schema.ts is written");
} else if (readFileSync(schema, "utf8") === text) {
  console.log("ok   api/src/schema.ts follows api/openapi.json");
} else {
  console.error("FAIL api/src/schema.ts does not follow api/openapi.json: run `npm run generate`.");
  process.exit(1);
}
