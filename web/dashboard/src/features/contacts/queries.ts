/** What the pages ask the server about contacts. */
import { ApiError, type ContactImport, type ContactInput, type ContactSource, unwrap } from "@illumichat/api";
import { api } from "../../session/session.svelte.ts";

export const PAGE = 50;
export const sorts = ["-createdAt", "name", "-lastSeenAt", "-updatedAt"] as const;
export type Sort = (typeof sorts)[number];

export interface Filter {
  q: string;
  tag: string;
  source: ContactSource | "";
  sort: Sort;
  offset: number;
}

export const contactKeys = {
  all: (ws: string) => ["contacts", ws] as const,
  list: (ws: string) => ["contacts", ws, "list"] as const,
  one: (ws: string, id: string) => ["contacts", ws, id] as const,
};

export const listContacts = (ws: string, { q, tag, source, sort, offset }: Filter, limit = PAGE) => ({
  queryKey: [...contactKeys.list(ws), { q, tag, source, sort, offset, limit }] as const,
  queryFn: () => {
    const query = { limit, offset, sort, ...(q ? { q } : {}), ...(tag ? { tag } : {}), ...(source ? { source } : {}) };
    return unwrap(api.GET("/api/workspaces/{ws}/contacts", { params: { path: { ws }, query } }));
  },
});

export const searchContacts = (ws: string, q: string) =>
  listContacts(ws, { q, tag: "", source: "", sort: q ? "name" : "-lastSeenAt", offset: 0 }, 8);

export const getContact = (ws: string, id: string) => ({
  queryKey: contactKeys.one(ws, id),
  queryFn: () => unwrap(api.GET("/api/workspaces/{ws}/contacts/{id}", { params: { path: { ws, id } } })),
});

export const createContact = (ws: string, body: ContactInput) =>
  unwrap(api.POST("/api/workspaces/{ws}/contacts", { params: { path: { ws } }, body }));

export const updateContact = (ws: string, id: string, body: ContactInput) =>
  unwrap(api.PATCH("/api/workspaces/{ws}/contacts/{id}", { params: { path: { ws, id } }, body }));

export const eraseContact = (ws: string, id: string) =>
  unwrap(api.DELETE("/api/workspaces/{ws}/contacts/{id}", { params: { path: { ws, id } } }));

export const mergeContact = (ws: string, id: string, intoId: string) =>
  unwrap(api.POST("/api/workspaces/{ws}/contacts/{id}/merge", { params: { path: { ws, id } }, body: { intoId } }));

export const blockContact = (ws: string, id: string, by: ("contact" | "address" | "domain")[]) =>
  unwrap(api.POST("/api/workspaces/{ws}/contacts/{id}/block", { params: { path: { ws, id } }, body: { by } }));

export const unblockContact = (ws: string, id: string) =>
  unwrap(api.DELETE("/api/workspaces/{ws}/contacts/{id}/block", { params: { path: { ws, id } } }));

export const listNotes = (ws: string, id: string, offset: number) => ({
  queryKey: [...contactKeys.one(ws, id), "notes", offset] as const,
  queryFn: () =>
    unwrap(api.GET("/api/workspaces/{ws}/contacts/{id}/notes", { params: { path: { ws, id }, query: { limit: 20, offset } } })),
});

export const addNote = (ws: string, id: string, body: string) =>
  unwrap(api.POST("/api/workspaces/{ws}/contacts/{id}/notes", { params: { path: { ws, id } }, body: { body } }));

export const deleteNote = (ws: string, id: string, note: string) =>
  unwrap(api.DELETE("/api/workspaces/{ws}/contacts/{id}/notes/{note}", { params: { path: { ws, id, note } } }));

export const getTimeline = (ws: string, id: string, offset: number) => ({
  queryKey: [...contactKeys.one(ws, id), "timeline", offset] as const,
  queryFn: () =>
    unwrap(api.GET("/api/workspaces/{ws}/contacts/{id}/timeline", { params: { path: { ws, id }, query: { limit: 20, offset } } })),
});

export const contactConversations = (ws: string, contactId: string, offset: number) => ({
  queryKey: [...contactKeys.one(ws, contactId), "conversations", offset] as const,
  queryFn: () =>
    unwrap(api.GET("/api/workspaces/{ws}/conversations", { params: { path: { ws }, query: { contactId, limit: 20, offset } } })),
});

export interface NewImport {
  file: File;
  /** From the file's columns to fields; a column that is nothing is left out. */
  mapping: Record<string, string>;
  duplicates: "update" | "skip";
  dryRun: boolean;
}

/** Sends a list; the answer to a dry run is already the whole of it. */
export async function startImport(ws: string, { file, mapping, duplicates, dryRun }: NewImport): Promise<ContactImport> {
  const body = new FormData();
  body.append("file", file, file.name);
  body.append("mapping", JSON.stringify(mapping));
  body.append("duplicates", duplicates);
  body.append("dryRun", String(dryRun));
  const address = `/api/workspaces/${encodeURIComponent(ws)}/contacts/imports`;
  const response = await fetch(address, { method: "POST", body }).catch(() => {
    throw ApiError.offline();
  });
  if (!response.ok) throw await ApiError.from(response);
  return (await response.json()) as ContactImport;
}

export const getImport = (ws: string, id: string) => ({
  queryKey: ["contact-imports", ws, id] as const,
  queryFn: () => unwrap(api.GET("/api/workspaces/{ws}/contacts/imports/{id}", { params: { path: { ws, id } } })),
  refetchInterval: (query: { state: { data?: ContactImport | undefined } }) =>
    query.state.data && !isOver(query.state.data) ? 700 : (false as const),
});

export const isOver = ({ status }: ContactImport): boolean => status === "completed" || status === "failed";

export const exportUrl = (ws: string) => `/api/workspaces/${ws}/contacts/export`;
export const contactExportUrl = (ws: string, id: string) => `/api/workspaces/${ws}/contacts/${id}/export`;
