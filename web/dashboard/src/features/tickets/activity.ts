/** A change of a ticket in words: what, and from what to what. */
import type { Colleague, TicketChange } from "@illumichat/api";
import { type Key, t } from "../../i18n/index.svelte.ts";
import { priorities, statuses } from "./words.ts";

export interface Told {
  what: string;
  /** Left out where a text was changed, which is too long for it. */
  from?: string;
  to?: string;
}

const labels: Record<string, Key> = {
  subject: "tickets.subject",
  description: "tickets.description",
  status: "tickets.status",
  priority: "tickets.priority",
  contactId: "tickets.contact",
  conversationId: "tickets.conversation",
  assigneeId: "tickets.assignee",
  assistantId: "assistants.one",
  tags: "tags.title",
};

export function told({ field, from, to }: Pick<TicketChange, "field" | "from" | "to">, members: Colleague[]): Told {
  if (field === "comment") return { what: t("tickets.didComment") };
  if (field === "status" && from === null) return { what: t("tickets.didCreate") };
  if (field === "breaches") return { what: t("tickets.didMiss"), to: missed(from, to) };
  const what = t(labels[field] ?? "tickets.field");
  if (field === "description") return { what };
  return { what, from: valueOf(field, from, members), to: valueOf(field, to, members) };
}

/** The targets that are new among those missed. */
function missed(from: unknown, to: unknown): string {
  const before = Array.isArray(from) ? from : [];
  const fresh = Array.isArray(to) ? to.filter((target) => !before.includes(target)) : [];
  return fresh.map((target) => t(target === "first_response" ? "tickets.firstAnswer" : "tickets.resolution")).join(", ");
}

function valueOf(field: string, value: unknown, members: Colleague[]): string {
  if (value === null || value === undefined || value === "") return t("tickets.nothing");
  if (Array.isArray(value)) return value.length ? value.join(", ") : t("tickets.nothing");
  const word = String(value);
  if (field === "status" && Object.hasOwn(statuses, word)) return t(statuses[word as keyof typeof statuses].key);
  if (field === "priority" && Object.hasOwn(priorities, word)) return t(priorities[word as keyof typeof priorities].key);
  if (field === "assigneeId") return members.find((member) => member.userId === word)?.name ?? t("tickets.somebody");
  return word;
}
