/** Where an entry of a timeline leads, and its particulars in words. */
import type { TimelineEntry } from "@illumichat/api";
import { type Key, t } from "../../i18n/index.svelte.ts";
import { statuses } from "../tickets/words.ts";
import { channels } from "../conversations/channels.ts";

export function hrefOf({ kind, id }: TimelineEntry): string | null {
  if (kind === "conversation") return `/inbox/${id}`;
  if (kind === "ticket") return `/tickets/${id}`;
  return null;
}

const words: Record<string, Key> = {
  ...channels,
  open: "contacts.stateOpen",
  pending: "contacts.statePending",
  closed: "contacts.stateClosed",
  inbound: "contacts.inbound",
  outbound: "contacts.outbound",
};

/** The server's words, several with a dot between them. One that is not known stays as it is. */
export function detailOf({ kind, detail }: TimelineEntry): string {
  if (!detail) return "";
  if (kind === "ticket") return Object.hasOwn(statuses, detail) ? t(statuses[detail as keyof typeof statuses].key) : detail;
  if (kind !== "conversation" && kind !== "sms") return detail;
  return detail
    .split(" · ")
    .map((word) => (Object.hasOwn(words, word) ? t(words[word] as Key) : word))
    .join(" · ");
}
