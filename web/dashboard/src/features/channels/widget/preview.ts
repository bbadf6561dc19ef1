/**
 * The widget itself on a page of its own in a frame, with the settings as they stand in the form. Its requests are
 * answered here: it has the draft's configuration and no session, and what is asked in it goes to the assistant as a test.
 */
import type { PreviewConfig } from "./draft.ts";
import { uploadsInPage } from "./preview-upload.ts";

interface Instance {
  initialize(): Promise<void>;
  destroy(): void;
}
interface FrameWindow extends Window {
  IllumiChat?: { Widget: new (options: object) => Instance };
  fetch: typeof fetch;
  XMLHttpRequest: new () => object;
  Response: typeof Response;
  CSSStyleSheet: typeof CSSStyleSheet;
}

const ID = "preview";
const json = (body: object, status = 200) => Response.json(body, { status });
/** What a form of the widget is told: it was taken. Nothing is. */
const TAKEN: Record<string, object> = {
  lead: { leadId: ID },
  handoff: { status: "waiting", online: true, form: false },
  "tickets/create": { ticket: { id: ID, number: 1, subject: "", status: "new", priority: "normal" } },
};

export class Preview {
  #window: FrameWindow;
  #assistantId: string;
  #config: PreviewConfig | null = null;
  #instance: Instance | null = null;
  #ready: Promise<void>;

  constructor(frame: HTMLIFrameElement, assistantId: string) {
    this.#window = frame.contentWindow as unknown as FrameWindow;
    this.#assistantId = assistantId;
    const own = this.#window.fetch.bind(this.#window);
    this.#window.fetch = async (input, init) => {
      const { pathname } = new URL(input instanceof Request ? input.url : String(input), location.origin);
      const [, path] = pathname.match(/^\/api\/widget\/(?:preview\/)?(.+)$/) ?? [];
      return this.#answer(path, init) ?? own(input, init);
    };
    this.#window.XMLHttpRequest = uploadsInPage(() => this.#config?.uploads.maxBytes);
    this.#ready = this.#load();
  }

  /** Shows the widget as these settings make it, open. */
  async show(config: PreviewConfig): Promise<void> {
    this.#config = config;
    await this.#ready;
    if (this.#config !== config || !this.#window.IllumiChat) return;
    this.#instance?.destroy();
    forget();
    this.#instance = new this.#window.IllumiChat.Widget({ assistantId: ID, open: true });
    const started = this.#instance.initialize();
    this.#hold();
    await started.catch(() => undefined);
  }

  destroy(): void {
    this.#instance?.destroy();
    forget();
  }

  /** Takes the movement out: a change of colour is no opening. */
  #hold(): void {
    const still = new this.#window.CSSStyleSheet();
    still.replaceSync("*,*::before,*::after{animation-duration:.01ms!important;transition-duration:.01ms!important}");
    for (const element of this.#window.document.body.children) element.shadowRoot?.adoptedStyleSheets.push(still);
  }

  #load(): Promise<void> {
    const { document } = this.#window;
    document.documentElement.lang = window.document.documentElement.lang;
    // A frame of another scheme than its page's would not be seen through.
    document.documentElement.style.colorScheme = getComputedStyle(window.document.documentElement).colorScheme;
    const script = document.createElement("script");
    script.src = new URL("/widget.js", location.origin).href;
    document.head.append(script);
    return new Promise((resolve, reject) => {
      script.onload = () => resolve();
      script.onerror = () => reject(new Error("widget.js could not be loaded"));
    });
  }

  #answer(path: string | undefined, init: RequestInit | undefined): Promise<Response> | Response | null {
    if (path === undefined) return null;
    if (path === "config") return json(this.#config ?? {});
    if (path === "session" || path === "init") {
      return json({ sessionId: ID, sessionToken: ID, expiresAt: null, conversationId: null, contact: null, messages: [] }, 201);
    }
    if (path === "chat") return this.#ask(init);
    if (path === "events") return new Response(new ReadableStream(), { headers: { "Content-Type": "text/event-stream" } });
    if (path.startsWith("history")) return json({ data: [], total: 0, limit: 50, offset: 0 });
    return json(TAKEN[path] ?? { status: "ok" }, 201);
  }

  /** The assistant answers, as it does in its test chat. */
  #ask(init: RequestInit | undefined): Promise<Response> {
    const { message } = JSON.parse(String(init?.body ?? "{}")) as { message?: string };
    return fetch("/api/chat", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ assistantId: this.#assistantId, messages: [{ role: "user", content: message ?? "" }] }),
      signal: init?.signal ?? null,
    });
  }
}

/** A preview remembers nothing, whatever it has asked the browser to keep. */
function forget(): void {
  try {
    for (const storage of [localStorage, sessionStorage]) {
      for (const key of Object.keys(storage)) if (key.startsWith("illumichat:") && key.endsWith(`:${ID}`)) storage.removeItem(key);
    }
  } catch {
    // Storage is closed to us: then nothing was kept.
  }
}
