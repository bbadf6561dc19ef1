/** What of the inbox is shown, and how the server is asked for it. */
import type { Conversation } from "@illumichat/api";

export type Status = "open" | "snoozed" | "closed" | "all";
export type Whose = "all" | "mine" | "unassigned" | "waiting" | "unread";
/** `everything` has one's own conversations too, by the dashboard and the API. */
export type Where = "" | "everything" | Conversation["channel"];

export interface Filter {
  status: Status;
  whose: Whose;
  channel: Where;
  q: string;
  offset: number;
  /** What else a saved view, a tag or an address asks for, by the server's names. */
  more: More;
}

export type More = Partial<Record<"assigneeId" | "assistantId" | "contactId" | "handler" | "tag" | "unread", string>>;

export const USUAL: Filter = { status: "open", whose: "all", channel: "", q: "", offset: 0, more: {} };
export const PAGE = 30;
/** How many who wait for a person are shown above the list. */
const MOST = 100;

export interface Query {
  limit: number;
  offset: number;
  inbox?: boolean;
  channel?: Conversation["channel"];
  status?: Conversation["status"];
  handler?: Conversation["handler"];
  assigneeId?: string;
  assistantId?: string;
  contactId?: string;
  tag?: string;
  unread?: boolean;
  snoozed?: boolean;
  q?: string;
}

const isPublic = (channel: Where) => channel === "" || channel === "widget" || channel === "site" || channel === "sms";

/** The server's parameters for the list itself; those who wait for a person stand above it, see `waitingQuery`. */
export const toQuery = (filter: Filter): Query => ({ limit: PAGE, offset: filter.offset, ...parameters(filter) });

/** What is shown, by the server's names: what a saved view keeps. */
export function parameters({ status, whose, channel, q, more }: Filter): Omit<Query, "limit" | "offset"> {
  return {
    ...(isPublic(channel) ? { inbox: true } : {}),
    ...(channel === "" || channel === "everything" ? {} : { channel }),
    ...(whose === "waiting" ? { status: "pending" as const } : statusQuery(status)),
    ...(whose === "mine" ? { assigneeId: "me" } : {}),
    ...(whose === "unread" ? { unread: true } : {}),
    ...(whose === "unassigned" ? { handler: "human" as const, assigneeId: "none" } : {}),
    ...(q ? { q } : {}),
    ...moreQuery(more),
  };
}

function moreQuery({ handler, unread, ...texts }: More): Partial<Query> {
  return { ...texts, ...(handler === "ai" || handler === "human" ? { handler } : {}), ...(unread ? { unread: unread === "true" } : {}) };
}

function statusQuery(status: Status): Pick<Query, "status" | "snoozed"> {
  if (status === "open") return { status: "open", snoozed: false };
  if (status === "snoozed") return { snoozed: true };
  return status === "closed" ? { status: "closed" } : {};
}

/** The conversations in which a person is wanted, where they belong on top of what is shown. */
export function waitingQuery({ status, whose, channel, q, more }: Filter): Query | null {
  if (status !== "open" || whose === "mine" || whose === "waiting") return null;
  if (!isPublic(channel) && channel !== "everything") return null;
  return {
    limit: MOST,
    offset: 0,
    inbox: true,
    status: "pending",
    ...(channel === "" || channel === "everything" ? {} : { channel }),
    ...(whose === "unread" ? { unread: true } : {}),
    ...(q ? { q } : {}),
    ...moreQuery(more),
  };
}

const statuses: Status[] = ["open", "snoozed", "closed", "all"];
const people: Whose[] = ["all", "mine", "unassigned", "waiting", "unread"];
const further = ["assigneeId", "assistantId", "contactId", "handler", "tag", "unread"] as const;
const places: Where[] = ["", "everything", "widget", "sms", "site", "dashboard", "api"];

/** The filter that an address asks for. */
export function fromSearch(search: string): Filter {
  const given = new URLSearchParams(search);
  const one = <T extends string>(list: T[], name: string, otherwise: T): T =>
    list.find((each) => each === given.get(name)) ?? otherwise;
  return {
    status: one(statuses, "status", "open"),
    whose: one(people, "whose", "all"),
    channel: one(places, "channel", ""),
    q: given.get("q") ?? "",
    offset: 0,
    more: Object.fromEntries(further.flatMap((name) => (given.get(name) ? [[name, given.get(name)]] : []))) as More,
  };
}

/** The other way: an address that shows the same, to keep or to send to a colleague. */
export function toSearch({ status, whose, channel, q, more }: Filter): Record<string, string> {
  const all = { status: status === "open" ? "" : status, whose: whose === "all" ? "" : whose, channel, q, ...more };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value));
}

/** When a conversation that is put aside comes back: choices that suit the hour. */
export function snoozeChoices(now: Date): { key: "hour" | "evening" | "tomorrow" | "week"; at: Date }[] {
  const at = (days: number, hour: number) => new Date(now.getFullYear(), now.getMonth(), now.getDate() + days, hour);
  const monday = (8 - now.getDay()) % 7 || 7;
  return [
    { key: "hour" as const, at: new Date(now.getTime() + 3_600_000) },
    ...(now.getHours() < 16 ? [{ key: "evening" as const, at: at(0, 18) }] : []),
    { key: "tomorrow" as const, at: at(1, 9) },
    ...(monday > 1 ? [{ key: "week" as const, at: at(monday, 9) }] : []),
  ];
}
