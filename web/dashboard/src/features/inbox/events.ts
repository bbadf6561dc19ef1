/** What happened in a conversation, as a sentence in the reader's language. */
import type { Message } from "@illumichat/api";
import { type Key, t } from "../../i18n/index.svelte.ts";
import { reasons } from "./words.ts";

type Happening = NonNullable<Message["event"]>;

/** Older lines have nothing but their English sentence. */
export function told({ event, content }: Pick<Message, "event" | "content">): string {
  return (event && sentence(event)) ?? content;
}

function sentence({ kind, actor, user, reason, email, count }: Happening): string | null {
  const who = actor?.name ?? t("inbox.colleague");
  const whom = user?.name ?? t("inbox.aColleague");
  switch (kind) {
    case "joined":
      return t("event.joined", { name: whom });
    case "assigned":
      return actor && actor.id !== user?.id ? t("event.assignedBy", { name: whom, actor: who }) : t("event.assigned", { name: whom });
    case "unassigned":
      return t("event.unassigned");
    case "released":
      return t("event.released", { actor: who });
    case "handed_off":
      return reason ? t("event.handedOff", { reason: t(reasons[reason]) }) : t("event.wanted");
    case "escalated":
      return t("event.escalated");
    case "reply_mailed":
      return t("event.mailed", { email: email ?? "" });
    case "reply_waits":
      return t(email ? "event.waitsNoMail" : "event.waitsNoAddress");
    case "files_lost":
      return t("event.filesLost" satisfies Key, { count: count ?? 1 });
    default:
      return null;
  }
}
