// Writes api/src/schema.ts, the types of the server's operations, from api/openapi.json. With ILLUMICHAT_BIN set, asks that
// executable for the document first. `--stale` asks nobody, and writes only where the document has changed since.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const web = resolve(fileURLToPath(import.meta.url), "../..");
const file = join(web, "api/openapi.json");
const schema = join(web, "api/src/schema.ts");
const stale = process.argv.includes("--stale");

if (process.env.ILLUMICHAT_BIN && !stale) {
  const bin = resolve(process.env.INIT_CWD ?? ".", process.env.ILLUMICHAT_BIN);
  const run = spawnSync(bin, ["openapi"], { encoding: "utf8", maxBuffer: 1 << 26 });
  if (run.status !== 0) {
    console.error(`\`${bin} openapi\` failed: ${run.stderr || run.error?.message}`);
    process.exit(1);
  }
  writeFileSync(file, `${JSON.stringify(JSON.parse(run.stdout), null, 2)}\n`);
}

const text = readFileSync(file, "utf8");
const digest = createHash("sha256").update(text).update(readFileSync(fileURLToPath(import.meta.url))).digest("hex");
const head = `/** The server's operations and resources, written by \`npm run generate\`: ${digest.slice(0, 16)} */\n\n`;
if (stale && existsSync(schema) && readFileSync(schema, "utf8").startsWith(head)) process.exit(0);

/** What a client needs of the document: once each operation, and of its answers the good ones. */
function slim(document) {
  for (const [path, item] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(item)) {
      // The flat addresses are the same operations again.
      if (operation.operationId?.endsWith("_flat")) delete item[method];
      // Failures have one shape everywhere, which `problem.ts` reads.
      for (const status of Object.keys(operation.responses ?? {})) {
        if (Number(status) >= 400) delete operation.responses[status];
      }
    }
    if (Object.keys(item).length === 0) delete document.paths[path];
  }
  return document;
}

/** A property that need not be there may be null as well: the server sends it so, and takes it so. */
function allowNull(document) {
  for (const { properties, required = [] } of Object.values(document.components.schemas)) {
    for (const [name, property] of Object.entries(properties ?? {})) {
      if (required.includes(name)) continue;
      properties[name] = property.$ref ? { allOf: [property], nullable: true } : { ...property, nullable: true };
    }
  }
  return document;
}

// Slow to load, and not needed where nothing has changed.
const { default: openapiTS, astToString } = await import("openapi-typescript");
writeFileSync(schema, head + astToString(await openapiTS(allowNull(slim(JSON.parse(text))))));
console.log("api/src/schema.ts is written");
