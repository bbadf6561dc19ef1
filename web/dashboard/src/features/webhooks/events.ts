/** What a webhook can be told of, by what it is about. */
import type { WebhookDelivery } from "@illumichat/api";
import type { Key } from "../../i18n/index.svelte.ts";

export const EVENTS: { label: Key; events: string[] }[] = [
  {
    label: "webhooks.conversations",
    events: [
      "conversation.created",
      "conversation.closed",
      "conversation.handed_off",
      "message.created",
      "feedback.created",
    ],
  },
  { label: "webhooks.contacts", events: ["lead.captured", "contact.created", "contact.updated", "contact.deleted"] },
  { label: "webhooks.tickets", events: ["ticket.created", "ticket.updated", "ticket.resolved"] },
  {
    label: "webhooks.workspace",
    events: ["assistant.updated", "document.completed", "document.failed", "member.joined", "member.left"],
  },
];

export const ALL = "*";

export interface State {
  key: Key;
  tone: "good" | "bad" | "warn" | "accent";
}

/** What became of a delivery: one that failed and is tried again is on its way still. */
export function deliveryState({ status, attempts }: Pick<WebhookDelivery, "status" | "attempts">): State {
  if (status === "delivered") return { key: "webhooks.delivered", tone: "good" };
  if (status === "failed") return { key: "webhooks.failed", tone: "bad" };
  return attempts > 0 ? { key: "webhooks.retrying", tone: "warn" } : { key: "webhooks.pending", tone: "accent" };
}

/** A body as it is easiest to read: JSON in lines, everything else as it came. */
export function readable(body: string): string {
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body;
  }
}
