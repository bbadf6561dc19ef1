/** The statuses and priorities of tickets, in words and colours. */
import type { TicketPriority, TicketSource, TicketStatus } from "@illumichat/api";
import type { Key } from "../../i18n/index.svelte.ts";

type Tone = "neutral" | "accent" | "good" | "warn" | "bad";

export const statuses: Record<TicketStatus, { key: Key; tone: Tone }> = {
  new: { key: "tickets.statusNew", tone: "accent" },
  open: { key: "tickets.statusOpen", tone: "accent" },
  in_progress: { key: "tickets.statusInProgress", tone: "warn" },
  waiting_on_customer: { key: "tickets.statusWaiting", tone: "neutral" },
  resolved: { key: "tickets.statusResolved", tone: "good" },
  closed: { key: "tickets.statusClosed", tone: "neutral" },
  spam: { key: "tickets.statusSpam", tone: "bad" },
};

/** The columns of the board, and the order of every list of them. */
export const columns = ["new", "open", "in_progress", "waiting_on_customer", "resolved", "closed"] as const satisfies TicketStatus[];
export const unfinished = ["new", "open", "in_progress", "waiting_on_customer"] as const satisfies TicketStatus[];

/** Where a ticket may go: anywhere, but out of spam only to open. */
export function movesFrom(status: TicketStatus): TicketStatus[] {
  const all: TicketStatus[] = status === "spam" ? ["open"] : [...columns, "spam"];
  return all.filter((each) => each !== status);
}

export const priorities: Record<TicketPriority, { key: Key; tone: Tone }> = {
  critical: { key: "tickets.priorityCritical", tone: "bad" },
  high: { key: "tickets.priorityHigh", tone: "warn" },
  normal: { key: "tickets.priorityNormal", tone: "neutral" },
  low: { key: "tickets.priorityLow", tone: "neutral" },
};
export const priorityOrder = ["critical", "high", "normal", "low"] as const satisfies TicketPriority[];

export const ticketSources: Record<TicketSource, Key> = {
  dashboard: "tickets.sourceDashboard",
  api: "tickets.sourceApi",
  widget: "tickets.sourceWidget",
  assistant: "tickets.sourceAssistant",
  conversation: "tickets.sourceConversation",
  sms: "tickets.sourceSms",
  site: "tickets.sourceSite",
};
