/**
 * What happens in the workspace while the page is open: its event stream. The browser's own `EventSource` goes on after a
 * short break with `Last-Event-ID`; where it gives up, or where something may have been missed, everything is loaded anew.
 */
import { backoff, type LiveEvent, parseLive } from "./live.ts";
import { session } from "./session.svelte.ts";

export interface Person {
  userId: string;
  name: string;
}

/** Somebody who looks at a conversation, or writes in it; without a `userId` it is the customer. */
export interface Activity {
  conversationId: string;
  userId: string | null;
  name: string | null;
  state: "viewing" | "typing";
  until: number;
}

type Listener = (event: LiveEvent) => void;

/** How long what somebody does counts after they last said so, in milliseconds. */
const LASTS = { typing: 8_000, viewing: 30_000 };
/** A break that is over this soon is not spoken of. */
const PATIENCE = 2_000;

class Live {
  /** `lost` only once a break has lasted. */
  status = $state<"connecting" | "open" | "lost">("connecting");
  online = $state.raw<Person[]>([]);
  activities = $state.raw<Activity[]>([]);
  #source: EventSource | null = null;
  #ws = "";
  #failures = 0;
  #heard = false;
  #opened = false;
  #again: ReturnType<typeof setTimeout> | undefined;
  #patience: ReturnType<typeof setTimeout> | undefined;
  #sweep: ReturnType<typeof setTimeout> | undefined;
  readonly #listeners = new Set<Listener>();

  /** Listens until the returned function is called. */
  start(ws: string): () => void {
    this.#ws = ws;
    this.#failures = 0;
    this.#opened = false;
    this.status = "connecting";
    this.#connect();
    const retry = () => this.retry();
    window.addEventListener("online", retry);
    return () => {
      window.removeEventListener("online", retry);
      this.#close();
      this.#ws = "";
      this.online = [];
      this.activities = [];
    };
  }

  /** Tells of each event; `reset` says that anything may have changed. */
  on(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Connects now instead of later. */
  retry(): void {
    if (this.#ws && this.status !== "open") this.#connect();
  }

  #connect(): void {
    this.#close();
    this.#heard = false;
    const source = new EventSource(`/api/workspaces/${encodeURIComponent(this.#ws)}/events`);
    this.#source = source;
    source.onopen = () => {
      clearTimeout(this.#patience);
      this.#patience = undefined;
      this.status = "open";
      this.#failures = 0;
      // Without the id of an event to go on from, what happened in the break is unknown.
      if (this.#opened && !this.#heard) this.#tell({ type: "reset" });
      this.#opened = true;
    };
    source.onmessage = ({ data, lastEventId }: MessageEvent<string>) => {
      if (lastEventId) this.#heard = true;
      const event = parseLive(data);
      if (event) this.#tell(event);
    };
    source.onerror = () => {
      this.#patience ??= setTimeout(() => (this.status = "lost"), PATIENCE);
      if (source.readyState !== EventSource.CLOSED || this.#source !== source || session.status !== "in") return;
      this.#again = setTimeout(() => this.#connect(), backoff((this.#failures += 1)));
    };
  }

  #close(): void {
    clearTimeout(this.#again);
    this.#source?.close();
    this.#source = null;
  }

  #tell(event: LiveEvent): void {
    if (event.type === "presence" && event.online) this.online = event.online;
    else if (event.type === "presence" || event.type === "typing") this.#notice(event);
    else if (event.type === "message.created") this.#hasWritten(event.data as { conversationId: string; role: string });
    for (const listener of this.#listeners) listener(event);
  }

  #notice({ conversationId, userId = null, name = null, state }: LiveEvent): void {
    if (!conversationId || userId === session.user?.id) return;
    const others = this.#fresh().filter((each) => each.conversationId !== conversationId || each.userId !== userId);
    if (state !== "viewing" && state !== "typing") this.activities = others;
    else this.activities = [...others, { conversationId, userId, name, state, until: Date.now() + LASTS[state] }];
    clearTimeout(this.#sweep);
    this.#sweep = setTimeout(() => this.#forget(), 1000);
  }

  /** Who has said it writes no more. */
  #hasWritten({ conversationId, role }: { conversationId: string; role: string }): void {
    if (role !== "user") return;
    this.activities = this.activities.filter((each) => each.conversationId !== conversationId || each.userId !== null);
  }

  #forget(): void {
    this.activities = this.#fresh();
    if (this.activities.length) this.#sweep = setTimeout(() => this.#forget(), 1000);
  }

  #fresh(): Activity[] {
    const now = Date.now();
    return this.activities.filter((each) => each.until > now);
  }
}

export const live = new Live();
