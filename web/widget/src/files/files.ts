/** Files in messages, in a file of its own: it is fetched where the assistant takes files, or a message has one. */
import type { View } from "../panel/view.svelte.ts";
import Attach from "./Attach.svelte";
import Attached from "./Attached.svelte";
import Files from "./Files.svelte";
import en from "./en.ts";
import css from "./files.css?inline";
import { Uploads } from "./uploads.svelte.ts";

export type Filer = ReturnType<typeof attach>;

export function attach(view: View) {
  const strings = { ...en, ...view.language.strings };
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  view.host.root.adoptedStyleSheets.push(sheet);
  return { Attach, Attached, Files, strings, uploads: new Uploads(view, strings) };
}
