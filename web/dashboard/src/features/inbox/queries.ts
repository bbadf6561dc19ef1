/** What the inbox asks the server, and what it tells it. */
import { type Message, unwrap, type View } from "@illumichat/api";
import type { QueryClient } from "@tanstack/svelte-query";
import { api } from "../../session/session.svelte.ts";
import type { Query } from "./filter.ts";

export const inboxKeys = {
  counts: (ws: string) => ["inbox", ws] as const,
  list: (ws: string, query: Query) => ["conversations", ws, { inbox: query }] as const,
  macros: (ws: string) => ["macros", ws] as const,
  views: (ws: string) => ["inboxViews", ws] as const,
  tickets: (ws: string, conversationId: string) => ["tickets", ws, { conversationId }] as const,
};

export const getCounts = (ws: string) => ({
  queryKey: inboxKeys.counts(ws),
  queryFn: () => unwrap(api.GET("/api/workspaces/{ws}/inbox", { params: { path: { ws } } })),
});

export const listInbox = (ws: string, query: Query) => ({
  queryKey: inboxKeys.list(ws, query),
  queryFn: () => unwrap(api.GET("/api/workspaces/{ws}/conversations", { params: { path: { ws }, query } })),
});

/** Everybody who can have a conversation. */
export const listColleagues = (ws: string) => ({
  queryKey: ["members", ws, "colleagues"] as const,
  queryFn: () => unwrap(api.GET("/api/workspaces/{ws}/colleagues", { params: { path: { ws }, query: { limit: 100 } } })),
});

export const getPerson = (ws: string, id: string) => ({
  queryKey: ["contacts", ws, id] as const,
  queryFn: () => unwrap(api.GET("/api/workspaces/{ws}/contacts/{id}", { params: { path: { ws, id } } })),
});

/** What else this person has asked, the latest first. */
export const listPersons = (ws: string, contactId: string) => listInbox(ws, { limit: 6, offset: 0, contactId });

export const listTicketsOf = (ws: string, conversationId: string) => ({
  queryKey: inboxKeys.tickets(ws, conversationId),
  queryFn: () =>
    unwrap(api.GET("/api/workspaces/{ws}/tickets", { params: { path: { ws }, query: { conversationId, limit: 100 } } })),
});

export const listMacros = (ws: string) => ({
  queryKey: inboxKeys.macros(ws),
  queryFn: () => unwrap(api.GET("/api/workspaces/{ws}/macros", { params: { path: { ws }, query: { limit: 100 } } })),
});

const at = (ws: string, id: string) => ({ params: { path: { ws, id } } });

export const takeOver = (ws: string, id: string) => unwrap(api.POST("/api/workspaces/{ws}/conversations/{id}/takeover", at(ws, id)));
export const release = (ws: string, id: string) => unwrap(api.POST("/api/workspaces/{ws}/conversations/{id}/release", at(ws, id)));
export const close = (ws: string, id: string) => unwrap(api.POST("/api/workspaces/{ws}/conversations/{id}/close", at(ws, id)));
export const reopen = (ws: string, id: string) => unwrap(api.POST("/api/workspaces/{ws}/conversations/{id}/reopen", at(ws, id)));
export const markRead = (ws: string, id: string) => unwrap(api.POST("/api/workspaces/{ws}/conversations/{id}/read", at(ws, id)));

export const assign = (ws: string, id: string, userId: string | null) =>
  unwrap(api.POST("/api/workspaces/{ws}/conversations/{id}/assign", { ...at(ws, id), body: { userId } }));

export const snooze = (ws: string, id: string, until: Date) =>
  unwrap(api.POST("/api/workspaces/{ws}/conversations/{id}/snooze", { ...at(ws, id), body: { until: until.toISOString() } }));

export const change = (ws: string, id: string, body: { title?: string | null; tags?: string[] }) =>
  unwrap(api.PATCH("/api/workspaces/{ws}/conversations/{id}", { ...at(ws, id), body }));

export const reply = (ws: string, id: string, body: { content: string; attachments: string[]; note: boolean }): Promise<Message> =>
  unwrap(api.POST("/api/workspaces/{ws}/conversations/{id}/replies", { ...at(ws, id), body }));

export const summarise = (ws: string, id: string) =>
  unwrap(api.POST("/api/workspaces/{ws}/conversations/{id}/summary", at(ws, id)));

/** Tells what one does here; nobody needs to know that it could not be told. */
export const tellActivity = (ws: string, id: string, state: "viewing" | "typing" | "away"): void =>
  void api.POST("/api/workspaces/{ws}/conversations/{id}/typing", { ...at(ws, id), body: { state } }).catch(() => undefined);

export const setBlocked = (ws: string, id: string, blocked: boolean): Promise<unknown> =>
  blocked
    ? unwrap(api.POST("/api/workspaces/{ws}/contacts/{id}/block", { ...at(ws, id), body: {} }))
    : unwrap(api.DELETE("/api/workspaces/{ws}/contacts/{id}/block", at(ws, id)));

export interface TicketBody {
  subject: string;
  description: string;
  priority: "critical" | "high" | "normal" | "low";
  conversationId: string;
  contactId?: string;
}
export const makeTicket = (ws: string, body: TicketBody) =>
  unwrap(api.POST("/api/workspaces/{ws}/tickets", { params: { path: { ws } }, body }));

export const createMacro = (ws: string, body: { name: string; content: string }) =>
  unwrap(api.POST("/api/workspaces/{ws}/macros", { params: { path: { ws } }, body }));
export const updateMacro = (ws: string, id: string, body: { name: string; content: string }) =>
  unwrap(api.PATCH("/api/workspaces/{ws}/macros/{id}", { ...at(ws, id), body }));
export const deleteMacro = (ws: string, id: string) => unwrap(api.DELETE("/api/workspaces/{ws}/macros/{id}", at(ws, id)));

export const listViews = (ws: string) => ({
  queryKey: inboxKeys.views(ws),
  queryFn: () => unwrap(api.GET("/api/workspaces/{ws}/views", { params: { path: { ws }, query: { limit: 100 } } })),
});
export const createView = (ws: string, body: { name: string; filter: View["filter"]; shared: boolean }) =>
  unwrap(api.POST("/api/workspaces/{ws}/views", { params: { path: { ws } }, body }));
export const updateView = (ws: string, id: string, body: { name?: string; filter?: View["filter"] }) =>
  unwrap(api.PATCH("/api/workspaces/{ws}/views/{id}", { ...at(ws, id), body }));
export const deleteView = (ws: string, id: string) => unwrap(api.DELETE("/api/workspaces/{ws}/views/{id}", at(ws, id)));

/** Loads every list of conversations anew, and what waits. */
export function refreshLists(client: QueryClient, ws: string): Promise<unknown> {
  return Promise.all([
    client.invalidateQueries({ queryKey: inboxKeys.counts(ws) }),
    client.invalidateQueries({ queryKey: ["conversations", ws], predicate: ({ queryKey }) => typeof queryKey[2] === "object" }),
  ]);
}
