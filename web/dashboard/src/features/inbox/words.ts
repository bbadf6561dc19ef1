/** The server's words for what it knows of a conversation, as texts. */
import type { Conversation } from "@illumichat/api";
import type { Key } from "../../i18n/index.svelte.ts";

export const reasons: Record<NonNullable<Conversation["handoffReason"]>, Key> = {
  customer_request: "inbox.reasonCustomer",
  missing_knowledge: "inbox.reasonKnowledge",
  unsupported_request: "inbox.reasonUnsupported",
  policy: "inbox.reasonPolicy",
  tool_failure: "inbox.reasonFailure",
  low_rating: "inbox.reasonRating",
};

/** Whether people can join: not where somebody of the workspace, or a program, talks with the assistant. */
export const isPublic = (conversation: Conversation): boolean =>
  conversation.channel !== "dashboard" && conversation.channel !== "api";

export function initials(name: string): string {
  const parts = name.split(/[\s@]+/).filter(Boolean);
  return parts
    .slice(0, 2)
    .map((part) => Array.from(part)[0] ?? "")
    .join("")
    .toUpperCase();
}

/** An address of the web to go to, with a short form to read; null for what is none: it came from a stranger's browser. */
export function toWebAddress(text: string): { href: string; short: string } | null {
  if (!URL.canParse(text)) return null;
  const { protocol, host, pathname, search, href } = new URL(text);
  if (protocol !== "https:" && protocol !== "http:") return null;
  const short = host + (pathname === "/" ? "" : pathname) + search;
  return { href, short: short.length > 80 ? `${short.slice(0, 79)}…` : short };
}
