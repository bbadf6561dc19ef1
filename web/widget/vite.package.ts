// The npm package: `illumichat.js` with its chunks, their types and a package.json, in `dist/` or $ILLUMICHAT_PACKAGE_OUT.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig, type Plugin } from "vite";
import { shrink, withoutUnused } from "./vite.config.ts";

const here = fileURLToPath(new URL(".", import.meta.url));
const outDir = resolve(process.env.ILLUMICHAT_PACKAGE_OUT ?? join(here, "dist"));
const { name, version } = JSON.parse(readFileSync(join(here, "package.json"), "utf8")) as Record<string, string>;
/** All that the types of the module refer to. */
const TYPED = ["sdk/index", "loader/widget", "loader/launcher", "types"];

function writeTypes(): void {
  const out = mkdtempSync(join(tmpdir(), "illumichat-types-"));
  const flags = ["-p", here, "--noEmit", "false", "--declaration", "--emitDeclarationOnly", "--rootDir", resolve(here, "..")];
  const tsc = resolve(here, "../node_modules/.bin/tsc");
  const run = spawnSync(tsc, [...flags, "--outDir", out], { encoding: "utf8" });
  for (const file of TYPED) {
    const text = readFileSync(join(out, "widget/src", `${file}.d.ts`), "utf8");
    const target = join(outDir, "types", `${file}.d.ts`);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, text.replace(/(from "\.[^"]*)\.ts"/g, '$1.js"'));
  }
  rmSync(out, { recursive: true, force: true });
  if (run.error) throw run.error;
}

function describe(): Plugin {
  return {
    name: "illumichat:package",
    renderChunk: { order: "post", handler: async (code) => ({ code: await shrink(code, true), map: null }) },
    writeBundle() {
      writeTypes();
      const exports = { ".": { types: "./types/sdk/index.d.ts", import: "./illumichat.js" } };
      const types = "./types/sdk/index.d.ts";
      const about = { description: "The chat widget of IllumiChat as an ES module", license: "Apache-2.0", type: "module" };
      const text = JSON.stringify({ name, version, ...about, types, exports, sideEffects: ["./illumichat.js"] }, null, 2);
      writeFileSync(join(outDir, "package.json"), `${text}\n`);
    },
  };
}

export default defineConfig({
  root: here,
  plugins: [withoutUnused(), svelte(), describe()],
  define: { __VERSION__: JSON.stringify(version) },
  build: {
    outDir,
    emptyOutDir: true,
    target: "es2022",
    cssTarget: ["chrome123", "firefox128", "safari17.5"],
    modulePreload: false,
    lib: { entry: { illumichat: resolve(here, "src/sdk/index.ts") }, formats: ["es"] },
    rolldownOptions: {
      output: { entryFileNames: "[name].js", chunkFileNames: "[name]-[hash].js", minify: true },
    },
  },
});
