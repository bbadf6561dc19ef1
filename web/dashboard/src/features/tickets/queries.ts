/** What the pages ask the server about tickets. */
import { type Colleague, type TicketInput, type TicketStatus, unwrap } from "@illumichat/api";
import { api } from "../../session/session.svelte.ts";
import { columns } from "./words.ts";

export const PAGE = 50;
/** How often a list is asked for again while it is looked at, in milliseconds: others work on it too. */
const REFRESH = 20_000;
export const sorts = ["-createdAt", "dueAt", "priority", "-updatedAt"] as const;
export type Sort = (typeof sorts)[number];

export interface Filter {
  /** One or several, with commas between them; all but spam where it is left out. */
  status?: string;
  priority?: string;
  /** An id, `me` or `none`. */
  assigneeId?: string;
  contactId?: string;
  q?: string;
  sort?: Sort;
  offset?: number;
  limit?: number;
}

export const everyStatus: string = ([...columns, "spam"] satisfies TicketStatus[]).join(",");

export const ticketKeys = {
  all: (ws: string) => ["tickets", ws] as const,
  list: (ws: string) => ["tickets", ws, "list"] as const,
  one: (ws: string, id: string) => ["tickets", ws, id] as const,
};

export const listTickets = (ws: string, { limit = PAGE, offset = 0, ...filter }: Filter) => ({
  queryKey: [...ticketKeys.list(ws), { limit, offset, ...filter }] as const,
  queryFn: () => {
    const query = { limit, offset, ...Object.fromEntries(Object.entries(filter).filter(([, value]) => value)) };
    return unwrap(api.GET("/api/workspaces/{ws}/tickets", { params: { path: { ws }, query } }));
  },
  refetchInterval: REFRESH,
});

export const getTicket = (ws: string, id: string) => ({
  queryKey: ticketKeys.one(ws, id),
  queryFn: () => unwrap(api.GET("/api/workspaces/{ws}/tickets/{id}", { params: { path: { ws, id } } })),
  refetchInterval: REFRESH,
});

export const createTicket = (ws: string, body: Omit<TicketInput, "status">) =>
  unwrap(api.POST("/api/workspaces/{ws}/tickets", { params: { path: { ws } }, body }));

export const updateTicket = (ws: string, id: string, body: TicketInput) =>
  unwrap(api.PATCH("/api/workspaces/{ws}/tickets/{id}", { params: { path: { ws, id } }, body }));

export const deleteTicket = (ws: string, id: string) =>
  unwrap(api.DELETE("/api/workspaces/{ws}/tickets/{id}", { params: { path: { ws, id } } }));

export const listComments = (ws: string, id: string, offset: number) => ({
  queryKey: [...ticketKeys.one(ws, id), "comments", offset] as const,
  queryFn: () =>
    unwrap(api.GET("/api/workspaces/{ws}/tickets/{id}/comments", { params: { path: { ws, id }, query: { limit: PAGE, offset } } })),
  refetchInterval: REFRESH,
});

export const addComment = (ws: string, id: string, body: string, internal: boolean) =>
  unwrap(api.POST("/api/workspaces/{ws}/tickets/{id}/comments", { params: { path: { ws, id } }, body: { body, internal } }));

export const listActivity = (ws: string, id: string, offset: number) => ({
  queryKey: [...ticketKeys.one(ws, id), "activity", offset] as const,
  queryFn: () =>
    unwrap(api.GET("/api/workspaces/{ws}/tickets/{id}/activity", { params: { path: { ws, id }, query: { limit: PAGE, offset } } })),
});

/** Everybody who can have a ticket. */
export const listColleagues = (ws: string) => ({
  queryKey: ["members", ws, "colleagues"] as const,
  queryFn: () => unwrap(api.GET("/api/workspaces/{ws}/colleagues", { params: { path: { ws }, query: { limit: 100 } } })),
  select: ({ data }: { data: Colleague[] }) => data,
  staleTime: 60_000,
});

export const getConversation = (ws: string, id: string) => ({
  queryKey: ["conversations", ws, id] as const,
  queryFn: () => unwrap(api.GET("/api/workspaces/{ws}/conversations/{id}", { params: { path: { ws, id } } })),
});
