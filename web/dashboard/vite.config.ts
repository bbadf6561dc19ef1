import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import tailwindcss from "@tailwindcss/vite";
import { defineConfig } from "vite";

const here = fileURLToPath(new URL(".", import.meta.url));
const server = process.env.ILLUMICHAT_URL ?? "http://127.0.0.1:8080";
const proxied = { target: server, changeOrigin: false };

export default defineConfig({
  root: here,
  plugins: [tailwindcss(), svelte()],
  build: {
    // One folder for all workspaces: `tools/build.js` empties it first.
    outDir: resolve(process.env.ILLUMICHAT_WEB_OUT ?? resolve(here, "../.build")),
    emptyOutDir: false,
    target: "es2022",
    cssTarget: ["chrome123", "firefox128", "safari17.5"],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: {
    proxy: { "/api": proxied, "/widget.js": proxied, "/widget": proxied },
  },
});
