/** The panel as the loader imports it: `mount` puts it into the widget's shadow root and answers with its handles. */
import { mount as create, unmount } from "svelte";
import { Chat } from "../chat/chat.svelte.ts";
import { fill, language, type Strings } from "../locales/index.ts";
import type { Host, Mount } from "../types.ts";
import Panel from "./Panel.svelte";
import css from "./panel.css?inline";
import { View } from "./view.svelte.ts";

export const mount: Mount = async (host: Host) => {
  const { config, options, root, emit } = host;
  const wished = [options.locale, config.locale, document.documentElement.lang, ...navigator.languages];
  const chosen = await language(wished, config.strings ?? {});
  const ended = new AbortController();
  const chat = new Chat({
    api: options.apiUrl!,
    assistantId: options.assistantId,
    locale: chosen.tag,
    emit: (event, detail) => {
      emit(event, ...([detail] as never));
      if (event === "message:received" && !view.shown) view.count(view.unread + 1);
    },
  });
  const view = new View(host, chat, chosen);
  const update = launcher(host, chosen.strings);
  view.count = (count) => {
    if (count === view.unread) return;
    view.unread = count;
    update(view.shown, count);
    emit("unread", { count });
  };
  update(false, 0);
  // The page's shortcuts are not meant for what somebody types here.
  for (const type of ["keydown", "keyup", "keypress"])
    host.host.addEventListener(type, (event) => event.stopPropagation());
  if (!options.container) stayInPage(host.host, ended.signal);

  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  root.adoptedStyleSheets.push(sheet);
  const box = document.createElement(view.inline ? "section" : "dialog");
  box.className = view.inline ? "panel inline" : "panel";
  box.lang = chosen.tag;
  box.dir = chosen.dir;
  box.setAttribute("aria-labelledby", "title");
  root.append(box);
  const panel = create(Panel, { target: box, props: { box }, context: new Map([["view", view]]) });
  let before: HTMLElement | null = null;
  const { enabled, message, delaySeconds } = config.proactive ?? {};
  if (enabled && message && !view.inline && !chat.store.session)
    void import("../offer/offer.ts").then(({ offer }) => offer(view, message, delaySeconds, ended.signal));
  // Somebody who has written before may have been answered meanwhile.
  if (chat.store.session) {
    void chat.resume().then(() => {
      const { unread, handler, status } = chat.latest ?? {};
      if (unread || handler === "human" || status === "pending") void view.load();
    });
  }

  return {
    show(focus) {
      before = document.activeElement as HTMLElement | null;
      view.shown = true;
      if (focus) view.focus++;
      update(true, 0);
      view.count(0);
      view.remember(true);
      void chat.resume();
      void view.load();
    },
    hide() {
      view.shown = false;
      update(false, view.unread);
      view.remember(false);
      (host.button.offsetHeight ? host.button : before)?.focus({ preventScroll: true });
    },
    async send(text) {
      await chat.resume();
      await view.load();
      await view.send(text);
    },
    identify: (identity) => chat.identify(identity),
    reset: () => chat.reset(),
    destroy() {
      ended.abort();
      view.remember(false);
      view.forms?.end();
      chat.destroy();
      void unmount(panel);
      box.remove();
    },
  };
};

/** Keeps the launcher's name and badge true: whether the panel is open, and what is unread. */
function launcher({ button }: Host, strings: Strings): (open: boolean, unread: number) => void {
  const path = button.querySelector("path")!;
  const closed = path.getAttribute("d")!;
  return (open, unread) => {
    path.setAttribute("d", open ? "m6.5 9 5.5 5.5L17.5 9l1.2 1.2L12 17l-6.7-6.8Z" : closed);
    const news = unread ? `, ${fill(strings.unread, { n: unread })}` : "";
    button.ariaExpanded = `${open}`;
    // The word on the button, where there is one, is part of its name.
    button.ariaLabel = [button.children[1]!.textContent, open ? strings.closeChat : strings.openChat + news]
      .filter(Boolean)
      .join(", ");
    button.lastElementChild!.textContent = unread && !open ? `${Math.min(unread, 99)}` : "";
  };
}

/** Brings the widget back where a page's own navigation has replaced the body. */
function stayInPage(host: HTMLElement, signal: AbortSignal): void {
  let returns = 0;
  const look = (): void => {
    for (const node of [document.documentElement, document.body]) watch.observe(node, { childList: true });
  };
  const watch = new MutationObserver(() => {
    if (host.isConnected || !document.body || returns++ > 50) return;
    document.body.append(host);
    look();
  });
  look();
  signal.addEventListener("abort", () => watch.disconnect());
}
