/**
 * The widget's place in the page: one element without a box of its own, its shadow root, and the button that opens the
 * panel. Nothing here parses HTML or needs a style attribute in markup, so the strictest policy of a page allows it.
 */
import { onColour, parseHex } from "./colour.ts";
import type { Theme, WidgetOptions } from "../types.ts";
import css from "./launcher.css?inline";

export interface Launcher {
  host: HTMLElement;
  root: ShadowRoot;
  button: HTMLButtonElement;
  /** Colour, side and word as the assistant's theme, or the page, has them. */
  paint(theme: Theme): void;
}

/** The icon of a closed chat; the panel has the one of an open one. */
const ICON = "M12 3c-5 0-9 4-9 8 0 2 1 4 3 6 0 1-1 2-2 3 2 0 4 0 5-2 1 1 2 1 3 1 5 0 9-4 9-8s-4-8-9-8Z";

/** Puts the widget into `container`, or above the page with its button. */
export function launch(options: WidgetOptions, container: HTMLElement | null | undefined): Launcher {
  const host = document.createElement("div");
  const root = host.attachShadow({ mode: "open" });
  const button = document.createElement("button");
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  root.adoptedStyleSheets = [sheet];

  const draw = (name: string, key: string, value: string, parent: Element): Element => {
    const node = parent.appendChild(document.createElementNS("http://www.w3.org/2000/svg", name));
    node.setAttribute(key, value);
    return node;
  };
  draw("path", "d", ICON, draw("svg", "viewBox", "0 0 24 24", button));
  button.append(document.createElement("span"), document.createElement("i"));
  button.className = "l";
  button.ariaHasPopup = "dialog";
  button.ariaExpanded = "false";

  function paint({ primaryColor, position, launcher }: Theme): void {
    const accent = parseHex(primaryColor);
    if (accent) button.style.cssText = `background:rgb(${accent});color:${onColour(accent)}`;
    const side = options.position ?? position ?? (getComputedStyle(document.body).direction === "rtl" ? "left" : "");
    host.dataset.side = /left/.test(side) ? "left" : "right";
    const word = launcher === "bubble" ? "" : (launcher ?? "");
    button.children[1]!.textContent = word;
    // "Chat" is a word of every language; the panel brings the right one.
    button.ariaLabel = word || "Chat";
  }

  if (options.zIndex) host.style.setProperty("--ic-z", `${options.zIndex}`);
  if (container) host.className = "inline";
  else root.append(button);
  (container ?? document.body).append(host);
  paint({});
  return { host, root, button, paint };
}
