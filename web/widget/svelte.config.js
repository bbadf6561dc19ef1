import { vitePreprocess } from "@sveltejs/vite-plugin-svelte";

export default {
  preprocess: vitePreprocess({ style: false }),
  compilerOptions: {
    runes: true,
    // A guest's script sets no global of its own framework.
    discloseVersion: false,
    // Templates are built node by node: a page that demands Trusted Types lets no string become HTML.
    fragments: "tree",
  },
};
