/**
 * The conversation: what was said, what is being answered, and how it stays one over reloads, tabs and broken lines.
 * Knows no element; the panel shows what is here.
 */
import { ApiError, CONNECTION_LOST, readChatStream, type ChatEvent } from "@illumichat/api";
import type { Attachment, EventDetail, EventName, Identity } from "../types.ts";
import { toFailure } from "./failure.ts";
import { fromStored, isOpen, message, type Message, type StoredMessage } from "./message.ts";
import { storage, type Session, type Storage } from "./storage.ts";
import { Transport, type Call, type SessionAnswer } from "./transport.ts";

/** The longest message that the server takes, in characters. */
export const MAX_LENGTH = 32_000;

type Emit = <E extends EventName>(event: E, detail: EventDetail[E]) => void;
/** What tabs of the same site tell each other. */
type Note =
  { kind: "message"; message: Message } | { kind: "session" } | { kind: "reset" } | { kind: "left"; id: string };

export interface ChatOptions {
  api: string;
  assistantId: string;
  locale: string;
  emit: Emit;
  /** Waits between tries, in milliseconds; tests make them short. */
  waits?: { reconnect: number[]; history: number[] };
}

const pause = (milliseconds: number): Promise<void> => new Promise((done) => setTimeout(done, milliseconds));
/** The same bytes, broken off where none come for so long that the line must be dead: the server sends at least a comment every 15 s. */
export function watched(body: ReadableStream<Uint8Array>, silence = 45_000): ReadableStream<Uint8Array> {
  let timer: ReturnType<typeof setTimeout>;
  const wait = (controller: TransformStreamDefaultController<Uint8Array>): void => {
    clearTimeout(timer);
    timer = setTimeout(() => controller.error(new Error("silence")), silence);
  };
  return body.pipeThrough(
    new TransformStream({
      start: wait,
      transform(chunk, controller) {
        wait(controller);
        controller.enqueue(chunk);
      },
      flush: () => clearTimeout(timer),
    }),
  );
}
const aborted = (error: unknown): boolean => error instanceof DOMException && error.name === "AbortError";

export class Chat {
  messages = $state<Message[]>([]);
  /** Whether earlier messages are there, on their way, or could not be had. */
  history = $state<"none" | "loading" | "ready" | "failed">("none");
  online = $state(navigator.onLine);
  draft = $state("");
  session = $state.raw<Session | null>(null);
  /** What the server said last of the session: who answers, and how the conversation stands. */
  latest = $state.raw<SessionAnswer | null>(null);
  /** Whether the page has said who the visitor is. */
  identified = $state(false);

  readonly store: Storage;
  readonly transport: Transport;
  #options: ChatOptions;
  #identity: Identity | null = null;
  #making: Promise<Session> | null = null;
  #resuming: Promise<void> | null = null;
  #prepared = false;
  #running: { answer: Message; abort: AbortController } | null = null;
  #tabs: BroadcastChannel | null = null;
  #told = 0;
  /** Messages that were written in this tab: only these does it send. */
  #own: string[] = [];
  #silence: ReturnType<typeof setTimeout> | undefined;
  #gone = new AbortController();

  constructor(options: ChatOptions) {
    this.#options = options;
    this.transport = new Transport(options.api, options.assistantId);
    this.store = storage(options.assistantId);
    this.draft = this.store.draft;
    const { signal } = this.#gone;
    addEventListener("online", () => this.#isOnline(true), { signal });
    addEventListener("offline", () => this.#isOnline(false), { signal });
    addEventListener("pagehide", () => this.#running && this.#tell({ kind: "left", id: this.#running.answer.id }), {
      signal,
    });
    if ("BroadcastChannel" in window) {
      this.#tabs = new BroadcastChannel(`illumichat:${options.assistantId}`);
      this.#tabs.onmessage = ({ data }: MessageEvent<Note>) => this.#heard(data);
    }
  }

  get busy(): boolean {
    return this.messages.some(isOpen);
  }

  /** Takes up the conversation that this device knows of; does nothing where there is none. */
  resume(): Promise<void> {
    if (this.session || this.messages.length || !this.store.session) return Promise.resolve();
    return (this.#resuming ??= this.#loadHistory().finally(() => (this.#resuming = null)));
  }

  async #loadHistory(): Promise<void> {
    this.history = "loading";
    try {
      const known = this.store.session;
      const answer = (this.latest = await this.transport.session(known, this.#metadata(), this.#identity));
      this.#keep({ sessionId: answer.sessionId, sessionToken: answer.sessionToken ?? known?.sessionToken });
      const own = this.messages.filter(
        ({ status }) => status === "queued" || status === "sending" || status === "failed",
      );
      this.messages = [...(answer.messages ?? []).map(fromStored).filter((each) => each !== null), ...own];
      this.history = "ready";
      const open = this.messages.find(isOpen);
      if (open && !this.#running) void this.#recover(open, null);
    } catch (error) {
      const { status } = error as ApiError;
      // A session that has run out is no reason not to begin a new one.
      if (status === 401 || status === 404 || status === 400) this.#forget();
      this.history = this.store.session ? "failed" : "none";
    }
  }

  /** Shows the message at once, sends it when it can be sent, and has the answer written into the conversation. */
  async send(text: string, attachments: Attachment[] = []): Promise<void> {
    // A message needs words: a file alone is sent under its name.
    const content = text.trim() || attachments.map(({ filename }) => filename).join(", ");
    if (!content) return;
    if (this.#resuming) await this.#resuming;
    const status = this.busy || !this.online ? "queued" : "sending";
    const own = this.#add(message({ role: "user", content, attachments, status }));
    this.#own.push(own.id);
    this.#share(own, true);
    if (own.status === "sending") await this.#ask(own);
  }

  /** Sends what has failed, or asks again where the answer broke. */
  async retry(id: string): Promise<void> {
    const at = this.messages.findIndex((each) => each.id === id);
    const failed = this.messages[at];
    if (!failed || this.busy) return;
    const question =
      failed.role === "user" ? failed : this.messages.slice(0, at).findLast(({ role }) => role === "user");
    if (!question) return;
    if (failed !== question) this.messages.splice(at, 1);
    this.#own.push(question.id);
    this.#toEnd(question);
    question.failure = null;
    question.status = this.online ? "sending" : "queued";
    if (this.online) await this.#ask(question).catch(() => {});
  }

  /** Ends the answer that is being written, here and on the server. */
  stop(): void {
    const answer = this.messages.find(isOpen);
    if (!answer) return;
    answer.status = "stopped";
    if (this.session) void this.transport.stop(this.session, answer.id).catch(() => {});
    if (this.#running?.answer === answer) this.#running.abort.abort();
    this.#share(answer, true);
  }

  /** Opens a session early, so that the first message need not wait for it. */
  prepare(): void {
    if (this.#prepared || this.session || this.store.session) return;
    this.#prepared = true;
    this.#open().catch(() => {});
  }

  async identify(identity: Identity): Promise<void> {
    this.#identity = { ...identity };
    this.identified = true;
    if (this.session || this.store.session) await this.#loadHistory();
  }

  /** Begins anew: the conversation so far is forgotten on this device. */
  reset(told = false): void {
    this.#running?.abort.abort();
    this.#running = null;
    this.#forget();
    this.store.known = false;
    this.messages = [];
    this.history = "none";
    this.latest = null;
    if (!told) this.#tell({ kind: "reset" });
  }

  setDraft(text: string): void {
    this.draft = this.store.draft = text;
  }

  destroy(): void {
    this.#gone.abort();
    clearTimeout(this.#silence);
    this.#running?.abort.abort();
    this.#tabs?.close();
  }

  async #ask(own: Message): Promise<void> {
    const answer = this.#add(message({ role: "assistant" }));
    const abort = new AbortController();
    const running = (this.#running = { answer, abort });
    try {
      own.failure = null;
      const body = { message: own.content, attachments: own.attachments.map(({ id }) => id) };
      const response = await this.call("chat", { body, signal: abort.signal });
      own.status = "sent";
      this.#options.emit("message:sent", { id: own.id, text: own.content });
      if (response.status === 202 || !response.body) {
        own.status = "delivered";
        this.#remove(answer);
      } else {
        await this.#read(answer, response.body, abort);
      }
      this.#share(own, true);
    } catch (error) {
      if (answer.status === "stopped" || aborted(error)) {
        if (!answer.content) this.#remove(answer);
        own.status = "sent";
        return;
      }
      this.#remove(answer);
      own.failure = toFailure(error);
      own.status = own.failure.code === "offline:client" && !navigator.onLine ? "queued" : "failed";
      this.#share(own, true);
      this.#options.emit("error", { code: own.failure.code, message: (error as Error).message });
      if (own.status === "failed") throw error;
    } finally {
      if (this.#running === running) this.#running = null;
      if (own.status !== "failed" && own.status !== "queued") void this.#next();
    }
  }

  /** The session, made where there is none, and kept on the device: the visitor does something. */
  async begin(): Promise<Session> {
    const session = this.session ?? (await this.#open());
    this.store.session = session;
    return session;
  }

  /** A request in the visitor's session, which is made where there is none. */
  async call(path: string, init: Call): Promise<Response> {
    const post = async (): Promise<Response> =>
      this.transport.call(path, this.session ?? (await this.#open()), { method: "POST", ...init });
    const response = await post().catch((error: ApiError) => {
      if (error.status !== 401) throw error;
      // The session has run out, or was removed: what the visitor does need not suffer for it.
      this.#forget();
      return post();
    });
    this.store.session = this.session;
    this.#tell({ kind: "session" });
    return response;
  }

  /** Asks what was said elsewhere, and adds what is not here yet. */
  async sync(): Promise<void> {
    if (!this.session) return;
    this.latest = await this.transport.session(this.session, this.#metadata(), null);
    for (const each of this.latest.messages ?? []) this.hear(each);
  }

  /** A message as the server tells of it: one of those that are here, or a new one. */
  hear(stored: StoredMessage): void {
    const heard = fromStored(stored);
    if (!heard || isOpen(heard) || this.history === "loading") return;
    if (this.messages.some(({ id, remote }) => id === heard.id || remote === heard.id)) return;
    /** What has no id of the server's yet. */
    const own = ({ id, remote }: Message): boolean => !remote && !/^msg_/.test(id);
    if (heard.role === "user") {
      const sent = this.messages.find((each) => own(each) && each.status !== "queued" && each.content === heard.content);
      if (sent) {
        sent.remote = heard.id;
        return;
      }
    } else if (heard.role === "assistant" && this.messages.some((each) => isOpen(each) && own(each))) return;
    this.#add(heard);
    if (heard.role === "user") return;
    for (const each of this.messages) if (each.status === "delivered") each.status = "sent";
    this.#options.emit("message:received", { id: heard.id, text: heard.content, role: heard.role as "agent" });
  }

  /** A line in the conversation about what happened. */
  note(content: string): void {
    this.#add(message({ role: "event", content, status: "done" }));
  }

  /** What waits for its turn. */
  async #next(): Promise<void> {
    if (this.busy || !this.online) return;
    const waiting = this.messages.find(({ id, status }) => status === "queued" && this.#own.includes(id));
    if (!waiting) return;
    waiting.status = "sending";
    this.#toEnd(waiting);
    await this.#ask(waiting).catch(() => {});
  }

  /** Puts a message below the answer that it waited for. */
  #toEnd(moved: Message): void {
    if (this.messages.at(-1) !== moved) this.messages = [...this.messages.filter(({ id }) => id !== moved.id), moved];
  }

  async #read(answer: Message, body: ReadableStream<Uint8Array>, abort: AbortController): Promise<void> {
    let lastEventId: string | null = null;
    for await (const event of readChatStream(watched(body), (id) => (lastEventId = id))) {
      if (answer.status === "stopped") return;
      if (event.type === "finish" && event.code === CONNECTION_LOST) {
        await this.#recover(answer, lastEventId, abort);
        return;
      }
      this.#take(answer, event);
      if (event.type === "start" && event.sessionToken)
        this.#keep({ ...this.session, sessionToken: event.sessionToken });
    }
  }

  /** One event of the stream into the message. */
  #take(answer: Message, event: ChatEvent): void {
    switch (event.type) {
      case "start":
        answer.id = event.messageId || answer.id;
        break;
      case "sources": {
        const known = answer.sources.filter(({ index }) => !event.sources.some((each) => each.index === index));
        answer.sources = [...known, ...event.sources];
        break;
      }
      case "text-delta":
        answer.content += event.textDelta;
        answer.status = "streaming";
        answer.tool = false;
        break;
      case "tool-call":
        answer.tool = true;
        break;
      case "tool-result":
        answer.tool = false;
        break;
      case "citations":
        answer.citations.push(...event.citations);
        break;
      case "finish":
        if (event.messageId) answer.id = event.messageId;
        answer.answered = event.answered ?? null;
        this.#end(
          answer,
          event.finishReason === "length" ? "cut" : event.finishReason === "error" ? "error" : "done",
          event.code,
        );
        return;
    }
    this.#share(answer);
  }

  #end(answer: Message, status: "done" | "cut" | "error", code = "internal:widget"): void {
    answer.tool = false;
    answer.status = status;
    if (status === "error") {
      answer.failure = { code, until: 0, retry: true };
      this.#options.emit("error", { code, message: "The answer could not be completed." });
    } else {
      this.#options.emit("message:received", { id: answer.id, text: answer.content, role: "assistant" });
    }
    this.#share(answer, true);
  }

  /** The line broke, or the page was reloaded, in the middle of an answer: first the stream again, then what was stored. */
  async #recover(answer: Message, lastEventId: string | null, abort = new AbortController()): Promise<void> {
    const { reconnect, history } = this.#options.waits ?? { reconnect: [400, 1500, 4000], history: [500, 4000, 12000] };
    const running = (this.#running = { answer, abort });
    answer.status = "reconnecting";
    try {
      for (const wait of reconnect) {
        await pause(wait);
        if (abort.signal.aborted || !this.session) return;
        try {
          const { body } = await this.transport.resume(this.session, answer.id, lastEventId, abort.signal);
          if (!body) break;
          if (lastEventId === null) Object.assign(answer, { content: "", sources: [], citations: [] });
          for await (const event of readChatStream(watched(body), (id) => (lastEventId = id))) {
            if (event.type === "finish" && event.code === CONNECTION_LOST) break;
            this.#take(answer, event);
            if (event.type === "finish") return;
          }
          answer.status = "reconnecting";
        } catch (error) {
          if (aborted(error)) return;
          if ((error as ApiError).status) break;
        }
      }
      for (const wait of history) {
        await pause(wait);
        if (abort.signal.aborted || !this.session) return;
        const stored = await this.transport.session(this.session, this.#metadata(), null).catch(() => null);
        const found = stored?.messages?.map(fromStored).find((each) => each?.id === answer.id);
        if (found && !isOpen(found)) {
          Object.assign(answer, found);
          this.#options.emit("message:received", { id: answer.id, text: answer.content, role: "assistant" });
          this.#share(answer, true);
          return;
        }
      }
      this.#end(answer, "error", CONNECTION_LOST);
    } finally {
      if (this.#running === running) this.#running = null;
    }
  }

  #open(): Promise<Session> {
    return (this.#making ??= this.transport
      .session(this.store.session, this.#metadata(), this.#identity)
      .then((answer) => {
        this.latest = answer;
        return (this.session = { sessionId: answer.sessionId, sessionToken: answer.sessionToken });
      })
      .finally(() => (this.#making = null)));
  }

  #metadata(): Record<string, string> {
    return {
      page: location.href.slice(0, 2000),
      referrer: document.referrer.slice(0, 2000),
      locale: this.#options.locale,
    };
  }

  #keep(session: Partial<Session>): void {
    if (session.sessionToken) this.store.session = this.session = session as Session;
  }

  #forget(): void {
    this.store.session = this.session = this.#making = null;
  }

  /** Adds a message and gives back the live one: what the state holds, not what was put in. */
  #add(added: Message): Message {
    this.messages.push(added);
    return this.messages.at(-1)!;
  }

  #remove(gone: Message): void {
    this.messages = this.messages.filter((each) => each.id !== gone.id);
  }

  #isOnline(online: boolean): void {
    this.online = online;
    if (!online) return;
    if (this.history === "failed") void this.resume();
    void this.#next();
  }

  #tell(note: Note): void {
    this.#tabs?.postMessage(note);
  }

  /** Shows a message in the other tabs; a growing one a few times a second. */
  #share(shared: Message, now = false): void {
    if (!this.#tabs || (!now && Date.now() - this.#told < 150)) return;
    this.#told = Date.now();
    this.#tell({ kind: "message", message: JSON.parse(JSON.stringify(shared)) as Message });
  }

  #heard(note: Note): void {
    if (note.kind === "reset") this.reset(true);
    else if (note.kind === "session") this.session = this.store.session;
    else if (note.kind === "left") {
      // The tab that read the answer is gone: this one goes on.
      const open = this.messages.find(({ id }) => id === note.id);
      if (open && isOpen(open) && !this.#running) void this.#recover(open, null);
    } else if (this.history !== "loading") this.#merge(note.message);
  }

  /** A message of another tab: the one that is known already, or a new one. */
  #merge(heard: Message): void {
    const known =
      this.messages.find(({ id }) => id === heard.id || id === heard.remote) ??
      // A question that came with the history bears the server's id, not the one its tab gave it.
      this.messages
        .slice(-2)
        .find(
          ({ role, content, status }) =>
            role === "user" && heard.role === "user" && status === "sent" && content === heard.content,
        );
    const merged = known ? Object.assign(known, heard) : this.#add(heard);
    clearTimeout(this.#silence);
    if (isOpen(merged)) {
      this.#silence = setTimeout(() => isOpen(merged) && !this.#running && void this.#recover(merged, null), 20_000);
    } else void this.#next();
  }
}
