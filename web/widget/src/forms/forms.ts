/**
 * What a first question can do without, in a file of its own: the menu, forms, thumbs, files, and the people who take
 * over. It is fetched when the panel is opened.
 */
import type { View } from "../panel/view.svelte.ts";
import { Desk } from "./desk.svelte.ts";
import css from "./forms.css?inline";
import Menu from "./Menu.svelte";
import Rate from "./Rate.svelte";
import Sheet from "./Sheet.svelte";
import Tail from "./Tail.svelte";

export type Forms = ReturnType<typeof attach>;

export function attach(view: View) {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  view.host.root.adoptedStyleSheets.push(sheet);
  const desk = new Desk(view);
  return {
    Menu,
    Rate,
    Sheet,
    Tail,
    desk,
    holds: (text: string): boolean => desk.holds(text),
    end: (): void => desk.end(),
  };
}
