/** Saved views: a filter by the server's names, and the same as the inbox has it. */
import type { View } from "@illumichat/api";
import { USUAL, type Filter, type More, parameters, type Status, type Where, type Whose } from "./filter.ts";

type ViewFilter = View["filter"];

/** The view's filter in the inbox's own words; what these have no word for stands in `more`. */
export function fromView(view: ViewFilter): Filter {
  const channel: Where = view.channel ?? (view.inbox ? "" : "everything");
  const filter: Filter = { ...USUAL, channel, status: statusOf(view), whose: whoseOf(view), q: view.q ?? "" };
  const told = parameters(filter);
  const more: More = {};
  for (const name of ["assigneeId", "assistantId", "contactId", "handler", "tag", "unread"] as const) {
    const value = view[name];
    if (value !== undefined && value !== null && value !== told[name]) more[name] = String(value);
  }
  return { ...filter, more };
}

function statusOf({ status, snoozed }: ViewFilter): Status {
  if (snoozed) return "snoozed";
  if (status === "closed") return "closed";
  return status ? "open" : "all";
}

function whoseOf({ status, assigneeId, handler, unread }: ViewFilter): Whose {
  if (status === "pending") return "waiting";
  if (assigneeId === "me") return "mine";
  if (assigneeId === "none" && handler === "human") return "unassigned";
  return unread ? "unread" : "all";
}

/** Whether both show the same, on whichever page of it. */
export function isSame(one: Filter, other: Filter): boolean {
  return text(one) === text(other);
}

const text = (filter: Filter) => JSON.stringify(Object.entries(parameters(filter)).toSorted(([a], [b]) => a.localeCompare(b)));
