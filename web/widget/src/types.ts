/** What the loader, the panel and the host page say to one another. */

export const EVENTS = [
  "ready",
  "open",
  "close",
  "message:sent",
  "message:received",
  "handoff",
  "lead",
  "error",
  "unread",
  "destroy",
] as const;
export type EventName = (typeof EVENTS)[number];

/** What each event hands to its listeners, and to `detail` of the DOM event `illumichat:…`. */
export interface EventDetail {
  ready: WidgetConfig;
  open: undefined;
  close: undefined;
  "message:sent": { id: string; text: string };
  "message:received": { id: string; text: string; role: "assistant" | "agent" };
  handoff: { name: string | null };
  lead: { leadId: string };
  error: { code: string; message: string };
  unread: { count: number };
  destroy: undefined;
}
export type Listener<E extends EventName> = (detail: EventDetail[E]) => void;

export type State = "idle" | "initializing" | "ready" | "open" | "error" | "destroyed";

/** What a page may set, by attribute (`data-…`) or in `new IllumiChat.Widget({…})`. */
export interface WidgetOptions {
  assistantId: string;
  /** The server's address; left out, where the script came from. */
  apiUrl?: string;
  position?: "left" | "right" | "bottom-left" | "bottom-right";
  theme?: "light" | "dark" | "system";
  /** A language tag; left out, the assistant's, then the page's, then the browser's. */
  locale?: string;
  /** Open at once. */
  open?: boolean;
  /** An element, or a selector, that the chat fills instead of floating above the page. */
  container?: string | HTMLElement;
  zIndex?: number;
}

export interface Theme {
  primaryColor?: string | null;
  colorScheme?: "light" | "dark" | "system" | "auto" | null;
  position?: string | null;
  /** `bubble`, or a word to stand beside the icon. */
  launcher?: string | null;
  /** Corner radius in pixels. */
  radius?: number | null;
}

/** `GET /api/widget/{assistantId}/config`. */
export interface WidgetConfig {
  assistantId: string;
  name: string;
  avatarUrl?: string | null;
  welcomeMessage?: string | null;
  suggestedQuestions?: string[] | null;
  theme?: Theme | null;
  locale?: string | null;
  strings?: Record<string, string> | null;
  /** `required`: before the chat; else where it helps. Fields beyond name, email, phone and company are asked as they stand. */
  leadForm?: { enabled: boolean; required?: boolean; fields?: string[] } | null;
  /** `contactRequired`: a name and an email are needed; an older server does not say, and they are. */
  tickets?: { enabled: boolean; contactRequired?: boolean } | null;
  uploads?: { enabled: boolean; maxBytes?: number | null } | null;
  handoff?: { enabled: boolean; online: boolean } | null;
  /** What is said beside the button before anybody has written. */
  proactive?: { enabled: boolean; message?: string | null; delaySeconds?: number | null } | null;
  /** Whether to say what it is made with. */
  branding?: boolean;
}

/** A file of a message. */
export interface Attachment {
  id: string;
  filename: string;
  mimeType: string;
  bytes: number;
  /** On the server: relative to its address. */
  url: string;
}

export interface Identity {
  externalId?: string;
  email?: string;
  name?: string;
  /** HMAC-SHA256 of `externalId`, else of the email, with the widget's secret; made by your server. */
  hash?: string;
}

/** What the loader hands to the panel. */
export interface Host {
  /** The widget's one element in the page, and what stands in it. */
  host: HTMLElement;
  root: ShadowRoot;
  /** The launcher; not in the page where the chat fills a container. */
  button: HTMLButtonElement;
  /** `apiUrl` is set, without a slash at its end. */
  options: WidgetOptions;
  config: WidgetConfig;
  emit<E extends EventName>(event: E, ...detail: EventDetail[E] extends undefined ? [] : [EventDetail[E]]): void;
  close(): void;
}

/** What the loader may ask of the panel. */
export interface Panel {
  show(focus: boolean): void;
  hide(): void;
  send(text: string): Promise<void>;
  identify(identity: Identity): Promise<void>;
  reset(): void;
  destroy(): void;
}
export type Mount = (host: Host) => Promise<Panel>;
