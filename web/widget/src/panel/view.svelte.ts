/** Whether the panel is seen, and what its parts share. */
import { getContext } from "svelte";
import type { Chat } from "../chat/chat.svelte.ts";
import type { Language } from "../locales/index.ts";
import type { Host } from "../types.ts";

/** The panel's one view, which `mount` hands to all of its components. */
export const useView = (): View => getContext("view");

export class View {
  shown = $state(false);
  /** Counts up each time that the focus should go into the panel. */
  focus = $state(0);

  readonly host: Host;
  readonly chat: Chat;
  readonly language: Language;

  constructor(host: Host, chat: Chat, language: Language) {
    this.host = host;
    this.chat = chat;
    this.language = language;
  }

  get inline(): boolean {
    return !!this.host.options.container;
  }

  /** Remembers for the next page of this tab that the panel is open, or that it is not. */
  remember(open: boolean): void {
    const key = `illumichat:open:${this.host.options.assistantId}`;
    try {
      if (open && !this.inline) sessionStorage.setItem(key, "1");
      else sessionStorage.removeItem(key);
    } catch {
      // No storage, nothing to remember.
    }
  }

  /** The assistant's picture, where it comes from the server or the page itself: nobody else is asked for anything. */
  get avatar(): string | null {
    const { config, options } = this.host;
    const api = options.apiUrl!;
    if (!config.avatarUrl) return null;
    try {
      const url = new URL(config.avatarUrl, api);
      return [new URL(api).origin, location.origin].includes(url.origin) ? url.href : null;
    } catch {
      return null;
    }
  }
}

/** Puts text on the clipboard, also on pages without a secure address; true where it worked. */
export async function copyText(text: string, root: ShadowRoot): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    area.className = "hidden";
    const before = root.activeElement as HTMLElement | null;
    (root.querySelector(".panel") ?? root).append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    before?.focus();
    return done;
  }
}
