/**
 * The widget as a page's script sees it. It is small because every page view pays for it: it puts up the button, asks
 * for the assistant's configuration, and brings in the panel when somebody is about to need it. What only matters once
 * the panel is there, the panel does.
 */
import type {
  EventDetail,
  EventName,
  Identity,
  Listener,
  Mount,
  Panel,
  State,
  WidgetConfig,
  WidgetOptions,
} from "../types.ts";
import { launch, type Launcher } from "./launcher.ts";

/** Why a widget could not start; `code` is the server's, or `offline:client` where none answered. */
export type WidgetError = Error & { code: string };

const problem = (code: string, message: string): WidgetError =>
  Object.assign(new Error(`IllumiChat: ${message}`), { code });
const ignore = (): void => {};

export class Widget {
  /** Where the script came from, and the panel that belongs to it. */
  static origin: { base: string; panel: string };
  /** Brings in the panel. */
  static load = (address: string): Promise<{ mount: Mount }> => import(/* @vite-ignore */ address);
  /** The page's widget: the first one made that still stands. */
  static instance: Widget | null = null;

  #options: WidgetOptions;
  #state: State = "idle";
  #config: WidgetConfig | null = null;
  #listeners: { [event: string]: Set<(detail: never) => void> } = {};
  #starting: Promise<void> | null = null;
  #launcher: Launcher | null = null;
  #panel: Promise<Panel> | null = null;
  /** Whether the visitor, or the page, has asked for the panel while it was not there yet. */
  #wanted = false;

  constructor(options: WidgetOptions) {
    if (!options?.assistantId) throw problem("bad_request:client", "an assistantId is needed.");
    this.#options = { ...options, apiUrl: (options.apiUrl || Widget.origin.base).replace(/\/+$/, "") };
    Widget.instance ??= this;
  }

  /** Puts up the button and reads the configuration; rejects with what stood in the way. After a failure it tries again. */
  initialize(): Promise<void> {
    return (this.#starting ??= this.#start().catch((error: WidgetError) => {
      this.#starting = null;
      if (this.#state !== "destroyed") {
        this.#state = "error";
        this.#fail(error);
      }
      throw error;
    }));
  }

  async #start(): Promise<void> {
    this.#check();
    const { container, open, assistantId, apiUrl } = this.#options;
    this.#state = "initializing";
    // A container may stand further down in the page than the script.
    if (!document.body || (container && document.readyState === "loading")) {
      await new Promise((done) => addEventListener("DOMContentLoaded", done));
    }
    if (!this.#launcher) {
      const place = typeof container === "string" ? document.querySelector<HTMLElement>(container) : container;
      if (container && !place) throw problem("not_found:client", `no element matches ${container}.`);
      const { button } = (this.#launcher = launch(this.#options, place));
      button.onclick = () => this.toggle();
      button.onpointerenter = button.onfocus = () => this.#prepare();
    }

    const address = `${apiUrl}/api/widget/${encodeURIComponent(assistantId)}/config`;
    const response = await fetch(address, { credentials: "omit" }).catch(async () => {
      // A page that may not use the widget may not read why either: only that there is an answer.
      await fetch(address, { mode: "no-cors" }).catch(() => {
        throw problem("offline:client", "the server cannot be reached.");
      });
    });
    const body = response
      ? await response.json().catch(() => ({}))
      : { code: "forbidden:widget", error: "this page is not on the assistant's list of domains." };
    this.#check();
    if (!response?.ok || !body.assistantId) {
      // A widget that is switched off, or not meant for this site, leaves no button behind.
      if (!response || /40[34]/.test(`${response.status}`)) {
        this.#launcher.host.remove();
        this.#launcher = null;
      }
      throw problem(body.code || "internal:client", body.error || `the server answered ${response!.status}.`);
    }
    this.#config = body as WidgetConfig;
    this.#launcher.paint(body.theme ?? {});
    this.#state = "ready";
    this.#emit("ready", structuredClone(this.#config));
    let again = false;
    try {
      again = innerWidth > 480 && !!sessionStorage.getItem(`illumichat:open:${assistantId}`);
    } catch {
      // No storage, nothing remembered.
    }
    if (container || open || again || this.#wanted) this.#show(this.#wanted);
    // Those who save data get the panel when they ask for it.
    else if (!(navigator as { connection?: { saveData?: boolean } }).connection?.saveData) {
      const idle = (): unknown => (window.requestIdleCallback ?? setTimeout)(() => this.#prepare());
      if (document.readyState === "complete") idle();
      else addEventListener("load", idle);
    }
  }

  #check(): void {
    if (this.#state === "destroyed") throw problem("destroyed:client", "this widget was destroyed.");
  }

  #prepare(): void {
    if (this.#state === "ready") this.#load().catch(ignore);
  }

  #load(): Promise<Panel> {
    return (this.#panel ??= this.#mount().catch((error) => {
      this.#panel = null;
      // A loader that was kept for long may name a panel that an update has replaced: the next view gets it right.
      fetch(`${Widget.origin.base}/widget.js`, { cache: "reload", mode: "no-cors" }).catch(ignore);
      throw error;
    }));
  }

  async #mount(): Promise<Panel> {
    const { base, panel } = Widget.origin;
    const { mount } = await Widget.load(`${base}/${panel}`);
    this.#check();
    const mounted = await mount({
      ...this.#launcher!,
      options: this.#options,
      config: this.#config!,
      emit: (event, ...detail) => this.#emit(event, ...detail),
      close: () => this.close(),
    });
    if (this.#state === "destroyed") mounted.destroy();
    return mounted;
  }

  #busy(busy: boolean): void {
    this.#wanted = busy;
    if (this.#launcher) this.#launcher.button.ariaBusy = `${busy}`;
  }

  #show(focus: boolean): void {
    this.#busy(true);
    this.#load().then(
      (panel) => {
        if (this.#state === "ready" && this.#wanted) {
          this.#state = "open";
          panel.show(focus);
          this.#emit("open");
        }
        this.#busy(false);
      },
      () => this.#fail(problem("offline:client", "the chat could not be loaded.")),
    );
  }

  #fail({ code, message }: WidgetError): void {
    this.#busy(false);
    this.#emit("error", { code, message });
  }

  open(): void {
    if (this.#state === "error") this.initialize().catch(ignore);
    if (this.#state === "initializing") this.#busy(true);
    if (this.#state === "ready") this.#show(true);
  }

  close(): void {
    this.#wanted = false;
    if (this.#state !== "open" || this.#options.container) return;
    this.#state = "ready";
    this.#panel!.then((panel) => panel.hide());
    this.#emit("close");
  }

  toggle(): void {
    if (this.#state === "open") this.close();
    else this.open();
  }

  /** Hands the panel to `use` once there is one; does nothing before `initialize`, after `destroy`, or after a failure. */
  async #with(use: (panel: Panel) => unknown): Promise<void> {
    if (this.#state === "initializing") await this.#starting;
    if (this.#state === "ready" || this.#state === "open") await use(await this.#load());
  }

  /** Sends as if the visitor had; rejects where the server does not take it. */
  sendMessage(text: string): Promise<void> {
    return this.#with((panel) => panel.send(text));
  }

  /** Tells who the visitor is. With a right `hash` the server believes it. */
  identify(identity: Identity): Promise<void> {
    return this.#with((panel) => panel.identify(identity));
  }

  /** Forgets the conversation on this device, as on signing out. */
  reset(): Promise<void> {
    return this.#with((panel) => panel.reset());
  }

  getState(): State {
    return this.#state;
  }

  /** The options, and under `assistant` what the server said about it once it has; a copy. */
  getConfig(): WidgetOptions & { assistant: WidgetConfig | null } {
    return { ...this.#options, assistant: structuredClone(this.#config) };
  }

  on<E extends EventName>(event: E, listener: Listener<E>): () => void {
    (this.#listeners[event] ??= new Set()).add(listener);
    return () => this.off(event, listener);
  }

  off<E extends EventName>(event: E, listener: Listener<E>): void {
    this.#listeners[event]?.delete(listener);
  }

  #emit<E extends EventName>(event: E, ...[detail]: EventDetail[E] extends undefined ? [] : [EventDetail[E]]): void {
    for (const listener of this.#listeners[event] ?? []) {
      try {
        (listener as (detail: unknown) => void)(detail);
      } catch (error) {
        // The page's own mistake must not stop the chat, nor go unseen.
        reportError(error);
      }
    }
    dispatchEvent(new CustomEvent(`illumichat:${event}`, { detail }));
  }

  destroy(): void {
    const before = this.#state;
    if (before === "destroyed") return;
    this.#state = "destroyed";
    this.#starting = null;
    this.#panel?.then((panel) => panel.destroy(), ignore);
    this.#launcher?.host.remove();
    this.#launcher = null;
    if (before !== "idle") this.#emit("destroy");
    this.#listeners = {};
    if (Widget.instance === this) Widget.instance = null;
  }
}
