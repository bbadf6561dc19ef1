/** Whether the panel is seen, and what its parts share. */
import { getContext } from "svelte";
import type { Announcer } from "../chat/announcer.ts";
import type { Chat } from "../chat/chat.svelte.ts";
import type { Filer } from "../files/files.ts";
import type { Forms } from "../forms/forms.ts";
import type { Language } from "../locales/index.ts";
import type { Attachment, Host } from "../types.ts";

/** The panel's one view, which `mount` hands to all of its components. */
export const useView = (): View => getContext("view");

export class View {
  shown = $state(false);
  /** Counts up each time that the focus should go into the panel. */
  focus = $state(0);
  /** What a first question can do without: forms, files, people. It comes when the panel is opened. */
  forms = $state.raw<Forms | null>(null);
  /** Files in messages, where there are any. */
  filer = $state.raw<Filer | null>(null);
  /** The person who answers, and what the line below the name says, where it is not the usual. */
  person = $state<string | null>(null);
  /** Pictures of people, by name. */
  faces = $state<{ [name: string]: string | null }>({});
  standing = $state<string | null>(null);
  /** Files that go with the next message, and whether one is still on its way. */
  files = $state.raw<Attachment[]>([]);
  uploading = $state(false);

  readonly host: Host;
  readonly chat: Chat;
  readonly language: Language;
  announcer!: Announcer;
  /** Sets how many messages are unread. */
  count!: (count: number) => void;
  unread = 0;
  #loading: Promise<void> | null = null;

  constructor(host: Host, chat: Chat, language: Language) {
    this.host = host;
    this.chat = chat;
    this.language = language;
  }

  load(): Promise<void> {
    return (this.#loading ??= import("../forms/forms.ts").then(
      ({ attach }) => void (this.forms = attach(this)),
      () => void (this.#loading = null),
    ));
  }

  /** Sends what was written with the files that are ready; what a form stands before waits for the form. */
  send(text: string): Promise<void> {
    if (this.forms?.holds(text)) return Promise.resolve();
    const { files } = this;
    this.files = [];
    return this.chat.send(text, files);
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

  get avatar(): string | null {
    return this.picture(this.host.config.avatarUrl);
  }

  /** A picture, where it comes from the server or the page itself: nobody else is asked for anything. */
  picture(address: string | null | undefined): string | null {
    const api = this.host.options.apiUrl!;
    if (!address) return null;
    try {
      const url = new URL(address, api);
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
