/** One message of the conversation, as it is shown, and how the server's becomes one. */
import type { Citation, Source } from "@illumichat/api";
import type { Attachment } from "../types.ts";

export type Role = "user" | "assistant" | "agent" | "event";
export type Status =
  /** A visitor's: waits for the line or for its turn, is on its way, has arrived, has not. */
  | "queued"
  | "sending"
  | "sent"
  | "delivered"
  | "failed"
  /** An answer: asked for, arriving, interrupted, whole, at its limit, stopped by the visitor, broken. */
  | "waiting"
  | "streaming"
  | "reconnecting"
  | "done"
  | "cut"
  | "stopped"
  | "error";

export interface Failure {
  /** `type:context`, as the server's errors have it. */
  code: string;
  /** When another try makes sense, in milliseconds since 1970; 0 for at once. */
  until: number;
  /** Whether another try makes sense at all. */
  retry: boolean;
}

export interface Message {
  id: string;
  /** What the server calls a message that was written here. */
  remote: string | null;
  role: Role;
  content: string;
  status: Status;
  /** RFC 3339. */
  at: string;
  author: string | null;
  sources: Source[];
  citations: Citation[];
  attachments: Attachment[];
  /** What the visitor thinks of an answer. */
  rating: "up" | "down" | null;
  /** Whether a tool is at work, for the line that says so. */
  tool: boolean;
  answered: boolean | null;
  failure: Failure | null;
}

export const message = (part: Partial<Message> & Pick<Message, "role">): Message => ({
  id: crypto.randomUUID?.() ?? `local-${Math.random().toString(36).slice(2)}`,
  remote: null,
  content: "",
  status: part.role === "user" ? "sending" : "waiting",
  at: new Date().toISOString(),
  author: null,
  sources: [],
  citations: [],
  attachments: [],
  rating: null,
  tool: false,
  answered: null,
  failure: null,
  ...part,
});

/** What `session` and `history` give: a message as the server stores it. */
export interface StoredMessage {
  id: string;
  role: string;
  content?: string | null;
  status?: string | null;
  createdAt?: string;
  author?: { name?: string | null } | string | null;
  sources?: Source[] | null;
  citations?: Citation[] | null;
  attachments?: Attachment[] | null;
  /** 1 to 5. */
  feedback?: number | null;
  answered?: boolean | null;
}

/** Whether an answer is still being written. */
export const isOpen = ({ role, status }: Message): boolean =>
  role === "assistant" && (status === "waiting" || status === "streaming" || status === "reconnecting");

/** The server's words for how an answer fared, where it is not simply whole. */
const STATUSES: Record<string, Status> = { streaming: "streaming", stopped: "stopped", failed: "error" };

export function fromStored(stored: StoredMessage): Message | null {
  const { role } = stored;
  if (role !== "user" && role !== "assistant" && role !== "agent" && role !== "event") return null;
  const status = role === "user" ? "sent" : (STATUSES[stored.status ?? ""] ?? "done");
  // An answer that came to nothing says nothing; the question above it can be asked again.
  if (role === "assistant" && status !== "streaming" && !stored.content) return null;
  return message({
    id: stored.id,
    role,
    status,
    content: stored.content ?? "",
    at: stored.createdAt ?? new Date().toISOString(),
    author: (typeof stored.author === "string" ? stored.author : stored.author?.name) ?? null,
    sources: stored.sources ?? [],
    citations: stored.citations ?? [],
    attachments: stored.attachments ?? [],
    rating: stored.feedback ? (stored.feedback > 3 ? "up" : stored.feedback < 3 ? "down" : null) : null,
    answered: stored.answered ?? null,
    failure: status === "error" ? { code: "internal:widget", until: 0, retry: true } : null,
  });
}
