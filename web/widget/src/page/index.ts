/**
 * The chat as a page of its own, `/chat/{assistantId}`: for an `<iframe>`, or a link. `?theme=dark&locale=de` as the script
 * tag's attributes.
 */
import { Widget } from "../loader/widget.ts";
import type { WidgetOptions } from "../types.ts";

declare const __PANEL__: string;

const sheet = new CSSStyleSheet();
sheet.replaceSync(
  "h1{position:absolute;clip-path:inset(50%)}html,body,main{height:100%;margin:0}body{font:16px/1.5 system-ui,sans-serif}p{max-width:40em;margin:0;padding:24px}@media(prefers-color-scheme:dark){:root{color-scheme:dark}}",
);
document.adoptedStyleSheets = [sheet];

const query = new URLSearchParams(location.search);
const assistantId = decodeURIComponent(location.pathname.split("/").filter(Boolean).at(-1) ?? "");
document.documentElement.lang = query.get("locale") ?? navigator.language;
const main = document.body.appendChild(document.createElement("main"));

Widget.origin = { base: location.origin, panel: __PANEL__ };
const widget = new Widget({
  assistantId,
  container: main,
  ...(query.has("theme") && { theme: query.get("theme") as NonNullable<WidgetOptions["theme"]> }),
  ...(query.has("locale") && { locale: query.get("locale")! }),
});
widget.on("ready", ({ name }) => {
  document.title = name;
  const heading = document.createElement("h1");
  heading.textContent = name;
  main.prepend(heading);
});
widget.initialize().catch((error: Error) => {
  const text = document.createElement("p");
  text.setAttribute("role", "alert");
  text.textContent = error.message.replace(/^IllumiChat: /, "");
  main.replaceChildren(text);
});
