// Lint for all workspaces. Two things matter here beyond the usual: which workspace may import which, and that
// nobody ever hands a string to the browser as HTML.
import js from "@eslint/js";
import svelte from "eslint-plugin-svelte";
import ts from "typescript-eslint";

/** Lowest first: a workspace may import only what stands before it. */
const order = ["api", "ui", ["widget", "dashboard"], "e2e"];

const layers = order.flatMap((entry, index) => {
  const peers = [entry].flat();
  const above = order.slice(index + 1).flat();
  return peers.map((name) => {
    const closed = [...above, ...peers.filter((peer) => peer !== name)];
    const group = closed.flatMap((other) => [`@illumichat/${other}`, `@illumichat/${other}/*`, `**/${other}/src/**`]);
    return {
      files: [`${name}/**/*.{ts,js,svelte}`],
      rules: group.length
        ? {
            "no-restricted-imports": [
              "error",
              { patterns: [{ group, message: "Imports go one way: api ← ui ← widget, dashboard ← e2e." }] },
            ],
          }
        : {},
    };
  });
});

const html = ["innerHTML", "outerHTML", "insertAdjacentHTML", "srcdoc"].map((property) => ({
  selector: `:matches(AssignmentExpression > MemberExpression.left, CallExpression > MemberExpression.callee)[property.name="${property}"]`,
  message: "Build nodes instead: text that came from a document, a visitor or a model must never be parsed as HTML.",
}));

export default ts.config(
  { ignores: ["**/node_modules/", "**/dist/", ".build/", "api/src/schema.ts", "e2e/screenshots/"] },
  js.configs.recommended,
  ...ts.configs.recommended,
  ...svelte.configs.recommended,
  {
    languageOptions: {
      parserOptions: { extraFileExtensions: [".svelte"] },
      // What is undefined is TypeScript's to find, not the linter's.
      globals: {},
    },
    rules: {
      "no-undef": "off",
      "no-restricted-syntax": ["error", ...html],
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_" }],
      "svelte/no-at-html-tags": "error",
      "svelte/require-each-key": "error",
    },
  },
  { files: ["**/*.svelte", "**/*.svelte.ts"], languageOptions: { parserOptions: { parser: ts.parser } } },
  ...layers,
);
