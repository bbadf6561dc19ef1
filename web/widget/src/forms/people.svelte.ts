/** What happens in the conversation besides the visitor's own doing: people who join, type, answer and close. */
import { ApiError, EventParser } from "@illumichat/api";
import { plainText } from "@illumichat/ui/markdown";
import { watched } from "../chat/chat.svelte.ts";
import type { StoredMessage } from "../chat/message.ts";
import { fill } from "../locales/index.ts";
import type { FormStrings } from "./en.ts";
import type { View } from "../panel/view.svelte.ts";

/** How long a page that nobody sees goes on listening, in milliseconds. */
const UNSEEN = 120_000;
/** How long somebody types after they were last said to. */
const TYPING = 8000;

type LiveEvent =
  | { type: "message"; message: StoredMessage; unread?: number }
  | { type: "typing"; name: string | null; typing: boolean }
  | { type: "handler"; handler: "ai" | "human"; agent: Agent | null }
  | { type: "unread"; count: number }
  | { type: "closed" | "reset" };

interface Agent {
  name: string;
  avatarUrl?: string | null;
}

export class People {
  /** Who types. */
  typist = $state<string | null>(null);
  closed = $state(false);
  /** Whether a person has been asked for and has not come. */
  waiting = $state(false);

  #view: View;
  #strings: FormStrings;
  #asleep = $state(false);
  #last: string | null = null;
  #typed = 0;
  #unread = $state(false);
  #timers: { [name: string]: ReturnType<typeof setTimeout> } = {};
  #token = $derived.by(() => {
    const { chat } = this.#view;
    const listens = chat.messages.length && chat.online && !this.#asleep && chat.history !== "loading";
    return listens ? (chat.session?.sessionToken ?? null) : null;
  });

  constructor(view: View, strings: FormStrings) {
    this.#view = view;
    this.#strings = strings;
    const { chat } = view;

    $effect(() => {
      if (!this.#token) return;
      const ended = new AbortController();
      void this.#listen(ended.signal);
      return () => ended.abort();
    });
    // What the session's own answer says, on opening it and after a gap.
    $effect(() => {
      const { latest } = chat;
      this.closed = latest?.status === "closed";
      this.waiting = latest?.status === "pending";
      view.person = (latest?.handler === "human" && latest.agent?.name) || null;
      this.#meet(latest?.agent);
      if (!latest) this.#last = null;
      if (latest?.unread) this.#isUnread(latest.unread);
    });
    $effect(() => {
      view.standing = view.person
        ? fill(strings.answering, { name: view.person })
        : this.waiting
          ? strings.waiting
          : null;
    });
    $effect(() => {
      if (!this.#unread || !view.shown || !chat.session) return;
      this.#unread = false;
      chat.call("read", {}).catch(() => {});
    });
    // A person sees that the visitor writes.
    $effect(() => {
      const writes = !!chat.draft;
      if (!view.person || (!writes && !this.#typed)) return;
      if (writes && Date.now() - this.#typed < 3000) return;
      this.#typed = writes ? Date.now() : 0;
      chat.call("typing", { body: { typing: writes } }).catch(() => {});
    });
    $effect(() => {
      const look = (): void => {
        clearTimeout(this.#timers.sleep);
        if (document.hidden) this.#timers.sleep = setTimeout(() => (this.#asleep = true), UNSEEN);
        else this.#asleep = false;
      };
      look();
      document.addEventListener("visibilitychange", look);
      return () => {
        document.removeEventListener("visibilitychange", look);
        for (const timer of Object.values(this.#timers)) clearTimeout(timer);
      };
    });
  }

  /** Listens until it is told to stop, and takes up a broken line where it was, ever less often where none is to be had. */
  async #listen(signal: AbortSignal): Promise<void> {
    const { chat } = this.#view;
    for (let tries = 0; !signal.aborted; tries++) {
      try {
        const headers: Record<string, string> = this.#last ? { "Last-Event-ID": this.#last } : {};
        const { body } = await chat.transport.call("events", chat.session, { headers, signal });
        // What came before the line was there.
        if (!this.#last) await chat.sync();
        const parser = new EventParser();
        const reader = watched(body!).getReader();
        for (;;) {
          const { done, value } = await reader.read();
          if (done) break;
          tries = 0;
          for (const text of parser.feed(value)) this.#take(JSON.parse(text) as LiveEvent);
          this.#last = parser.lastEventId ?? this.#last;
        }
      } catch (error) {
        if (signal.aborted || (error instanceof ApiError && /40[134]/.test(`${error.status}`))) return;
      }
      await new Promise((done) => setTimeout(done, Math.min(30_000, 1000 * 2 ** tries) * (0.75 + Math.random() / 2)));
    }
  }

  #take(event: LiveEvent): void {
    const { chat, host } = this.#view;
    if (event.type === "message") {
      if (event.message.role !== "assistant") this.closed = false;
      if (event.message.role === "agent") {
        this.typist = null;
        this.#unread = true;
      }
      if (chat.hear(event.message) && event.message.role === "agent")
        this.#view.announcer.say(`${event.message.author ?? this.#strings.person}: ${plainText(event.message.content ?? "")}`);
    } else if (event.type === "typing") {
      this.typist = event.typing ? (event.name ?? this.#strings.person) : null;
      clearTimeout(this.#timers.typing);
      this.#timers.typing = setTimeout(() => (this.typist = null), TYPING);
    } else if (event.type === "handler") this.#isHandled(event);
    else if (event.type === "closed") {
      this.closed = true;
      this.typist = null;
    } else if (event.type === "unread") {
      if (event.count) this.#isUnread(event.count);
    } else if (event.type === "reset") void chat.sync().catch(() => {});
    // `host` is told of what the page may want to know.
    if (event.type === "handler" && event.agent) host.emit("handoff", { name: event.agent.name });
  }

  #meet(agent?: Agent | null): void {
    if (agent) this.#view.faces[agent.name] = this.#view.picture(agent.avatarUrl);
  }

  #isHandled({ handler, agent }: { handler: "ai" | "human"; agent: Agent | null }): void {
    this.#meet(agent);
    const { chat, host } = this.#view;
    const before = this.#view.person;
    const person = handler === "human" ? (agent?.name ?? null) : null;
    if (person === before) return;
    this.#view.person = person;
    if (person) this.waiting = false;
    else this.typist = null;
    const text = person
      ? fill(this.#strings.joined, { name: person })
      : fill(this.#strings.left, { name: host.config.name });
    if (person || handler === "ai") chat.note(text);
    this.#view.announcer.say(text);
  }

  #isUnread(count: number): void {
    this.#unread = true;
    if (!this.#view.shown) this.#view.count(Math.max(count, this.#view.unread));
  }
}
