import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { minify } from "terser";
import { build, defineConfig, type Plugin, type Rolldown } from "vite";

const here = fileURLToPath(new URL(".", import.meta.url));
const outDir = resolve(process.env.ILLUMICHAT_WEB_OUT ?? resolve(here, "../dist"));
const { version } = JSON.parse(readFileSync(resolve(here, "package.json"), "utf8")) as { version: string };

/** One script without imports, which knows the panel's name. */
async function script(entry: string, panel: string): Promise<string> {
  const result = await build({
    root: here,
    configFile: false,
    logLevel: "warn",
    define: { __PANEL__: JSON.stringify(panel), __VERSION__: JSON.stringify(version) },
    build: {
      write: false,
      target: "es2022",
      cssTarget: ["chrome123", "firefox128", "safari17.5"],
      modulePreload: false,
      rolldownOptions: { input: resolve(here, entry), output: { format: "iife", minify: true } },
    },
  });
  return shrink((result as Rolldown.RolldownOutput).output[0].code, false);
}

async function shrink(code: string, module: boolean): Promise<string> {
  const result = await minify(code, {
    module,
    ecma: 2020,
    compress: { passes: 3, unsafe_arrows: true, pure_getters: true },
  });
  return result.code!;
}

/**
 * What `/widget/…` serves has hashed names and never changes. `widget.js`, which pages name, is built after the panel,
 * because it holds the panel's name; so is the full page, `chat.html`, that answers `/chat/{assistantId}`.
 */
function loaderAndPage(): Plugin {
  return {
    name: "illumichat:loader",
    apply: "build",
    // Terser sees more of what is not needed than the bundler's own minifier: some 3 % of the panel.
    renderChunk: {
      order: "post",
      handler: async (code) => ({ code: await shrink(code, true), map: null }),
    },
    async writeBundle(_, bundle) {
      const panel = Object.values(bundle).find((file) => file.type === "chunk" && file.isEntry)!.fileName;
      const page = await script("src/page/index.ts", panel);
      const name = `widget/page-${createHash("sha256").update(page).digest("base64url").slice(0, 8)}.js`;
      const html = readFileSync(resolve(here, "src/page/chat.html"), "utf8");
      mkdirSync(resolve(outDir, "widget"), { recursive: true });
      writeFileSync(resolve(outDir, name), page);
      writeFileSync(resolve(outDir, "chat.html"), html.replace("%PAGE%", `/${name}`));
      writeFileSync(resolve(outDir, "widget.js"), await script("src/loader/index.ts", panel));
    },
  };
}

/**
 * Leaves out parts of Svelte that cannot run here, 6 KB of them: there is no server-rendered page to take over, no
 * component in the old style, no custom element. Their switches are variables, so no bundler can see that they stay off.
 */
function withoutUnused(): Plugin {
  const off = (code: string, name: string): string =>
    code
      .replace(`export let ${name} = false;`, `export const ${name} = false;`)
      .replace(new RegExp(`\\n\\t${name} = \\w+;`, "g"), "");
  const instead = (code: string, name: string, body: string): string =>
    code.replace(new RegExp(`export function ${name}\\([^]*?\\n}\\n`), `export function ${name}${body}\n`);
  return {
    name: "illumichat:without-unused",
    enforce: "pre",
    transform(code, id) {
      if (!id.includes("/svelte/src/internal/")) return null;
      if (id.endsWith("/custom-element.js")) return "export function create_custom_element() {}";
      // No component awaits in its markup, and none has a boundary that would catch an error.
      if (id.endsWith("/reactivity/deriveds.js")) return instead(code, "async_derived", "() {}");
      if (id.endsWith("/reactivity/async.js")) {
        const synchronous = instead(code, "flatten", "(_, sync, __, fn) { fn(sync.map(derived)); }");
        return instead(instead(synchronous, "increment_pending", "() {}"), "unset_context", "() {}");
      }
      // So no batch of changes ever waits for another, or has to be taken back.
      if (id.endsWith("/reactivity/batch.js")) {
        const empty = ["#merge", "#commit", "#defer_effects", "#is_skipped", "#intersects", "increment", "decrement", "settled"];
        return empty
          .reduce((text, name) => text.replace(new RegExp(`\\n\\t${name}\\([^]*?\\n\\t}\\n`), "\n"), code)
          .replace(/\n\tapply\(\) {[^]*?\n\t}\n/, "\n\tapply() { batch_values = null; }\n")
          .replace("if (this.#is_deferred()) {", "if (false) {")
          .replace("if (!this.#is_deferred()) ", "")
          .replace(/\n\t#is_deferred\([^]*?\n\t}\n/, "\n")
          .replace(/\n\t#find_earlier_batch\([^]*?\n\t}\n/, "\n")
          .replace("const earlier_batch = this.#find_earlier_batch();", "")
          .replace("if (earlier_batch) {", "if (false) {")
          .replace("if (async_mode_flag) {", "if (false) {")
          .replace("if (this.#pending === 0 && ", "if (")
          .replace(/this\.#defer_effects\([^)]*\);|earlier_batch\.#merge\(this\);|batch\.#defer_effects\([^)]*\);/g, "")
          .replaceAll("this.#commit();", "");
      }
      if (id.endsWith("/blocks/boundary.js")) {
        return `import { branch } from "../../reactivity/effects.js";
export const boundary = (node, _, children) => void branch(() => children(node));
export function pending() {}`;
      }
      // An error keeps its name and loses the address of its page.
      if (id.endsWith("/errors.js")) return code.replaceAll("https://svelte.dev/e/", "");
      if (id.endsWith("/dom/hydration.js")) return off(code, "hydrating");
      if (id.endsWith("/flags/index.js"))
        return ["async_mode_flag", "legacy_mode_flag", "tracing_mode_flag"].reduce(off, code);
      return null;
    },
  };
}

export default defineConfig({
  root: here,
  plugins: [withoutUnused(), svelte(), loaderAndPage()],
  build: {
    outDir,
    emptyOutDir: false,
    target: "es2022",
    cssTarget: ["chrome123", "firefox128", "safari17.5"],
    modulePreload: false,
    assetsInlineLimit: 0,
    // As a library, because an application's dynamic imports bring a helper along that preloads style sheets.
    lib: { entry: { panel: resolve(here, "src/panel/index.ts") }, formats: ["es"] },
    rolldownOptions: {
      // The forms take what they share from the panel itself, not from a third file that would have to be waited for.
      preserveEntrySignatures: "allow-extension",
      output: {
        entryFileNames: "widget/[name]-[hash].js",
        chunkFileNames: "widget/[name]-[hash].js",
        assetFileNames: "widget/[name]-[hash][extname]",
        minify: true,
      },
    },
  },
});
