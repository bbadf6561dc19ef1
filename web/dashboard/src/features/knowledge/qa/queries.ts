/** What the pages ask the server about a project's questions with exact answers. */
import { type QaPair, unwrap } from "@illumichat/api";
import { api } from "../../../session/session.svelte.ts";
import { knowledgeKeys } from "../queries.ts";

export const PAGE = 25;

export const qaKey = (ws: string, id: string) => [...knowledgeKeys.project(ws, id), "qa"] as const;

export const listQa = (ws: string, id: string, filter: { q: string; offset: number }) => ({
  queryKey: [...qaKey(ws, id), filter] as const,
  queryFn: () => {
    const query = { limit: PAGE, offset: filter.offset, ...(filter.q ? { q: filter.q } : {}) };
    return unwrap(api.GET("/api/workspaces/{ws}/projects/{id}/qa", { params: { path: { ws, id }, query } }));
  },
});

export type QaInput = Pick<QaPair, "question" | "answer" | "alternatives">;

export const createQa = (ws: string, id: string, body: QaInput) =>
  unwrap(api.POST("/api/workspaces/{ws}/projects/{id}/qa", { params: { path: { ws, id } }, body }));

export const updateQa = (ws: string, id: string, qa: string, body: QaInput) =>
  unwrap(api.PATCH("/api/workspaces/{ws}/projects/{id}/qa/{qa}", { params: { path: { ws, id, qa } }, body }));

export const deleteQa = (ws: string, id: string, qa: string) =>
  unwrap(api.DELETE("/api/workspaces/{ws}/projects/{id}/qa/{qa}", { params: { path: { ws, id, qa } } }));

export const importQa = (ws: string, id: string, csv: string) =>
  unwrap(api.POST("/api/workspaces/{ws}/projects/{id}/qa/import", { params: { path: { ws, id } }, body: { csv } }));
