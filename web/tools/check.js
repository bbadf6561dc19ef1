// Type-checks every workspace against the server's document: `svelte-check` where there are components, `tsc` where there
// are none.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const web = resolve(fileURLToPath(import.meta.url), "../..");
const svelte = new Set(["widget", "dashboard"]);
const types = spawnSync(process.execPath, [join(web, "tools/generate.js"), "--stale"], { stdio: "inherit" });
let failed = types.status === 0 ? 0 : 1;
for (const workspace of ["api", "ui", "widget", "dashboard"]) {
  const project = join(web, workspace, "tsconfig.json");
  if (!existsSync(project) || !existsSync(join(web, workspace, "src"))) continue;
  const [command, args] = svelte.has(workspace)
    ? ["svelte-check", ["--tsconfig", project, "--fail-on-warnings", "--output", "human"]]
    : ["tsc", ["-p", project]];
  const bin = join(web, "node_modules/.bin", command);
  const run = spawnSync(bin, args, { cwd: join(web, workspace), stdio: "inherit" });
  console.log(`${run.status === 0 ? "ok  " : "FAIL"} ${command} ${workspace}`);
  if (run.status !== 0) failed += 1;
}
process.exit(failed ? 1 : 0);
