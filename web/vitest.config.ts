import { defineConfig } from "vitest/config";

// Each workspace that has unit tests has a `vitest.config.ts` of its own, with its environment and plugins.
export default defineConfig({
  test: { projects: ["./*/vitest.config.ts"] },
});
