/** What the pages ask the server about the websites that fill a project. */
import { unwrap, type WebSource, type WebSourceInput } from "@illumichat/api";
import { keepPreviousData } from "@tanstack/svelte-query";
import { api } from "../../../session/session.svelte.ts";
import { knowledgeKeys } from "../queries.ts";

export const sourceKeys = {
  all: (ws: string, id: string) => [...knowledgeKeys.project(ws, id), "sources"] as const,
  one: (ws: string, id: string, source: string) => [...knowledgeKeys.project(ws, id), "sources", source] as const,
};

/** How often one that is being read is asked for again, in milliseconds. */
const POLL = 1500;
export const isUnderWay = ({ status }: WebSource) => status === "pending" || status === "running";

export const listSources = (ws: string, id: string) => ({
  queryKey: [...sourceKeys.all(ws, id), "list"] as const,
  queryFn: () => unwrap(api.GET("/api/workspaces/{ws}/projects/{id}/sources", { params: { path: { ws, id }, query: { limit: 100 } } })),
  refetchInterval: (query: { state: { data?: { data: WebSource[] } | undefined } }) => (query.state.data?.data.some(isUnderWay) ? POLL : false),
});

export const getSource = (ws: string, id: string, source: string) => ({
  queryKey: sourceKeys.one(ws, id, source),
  queryFn: () => unwrap(api.GET("/api/workspaces/{ws}/projects/{id}/sources/{source}", { params: { path: { ws, id, source } } })),
  refetchInterval: (query: { state: { data?: WebSource | undefined } }) => (query.state.data && isUnderWay(query.state.data) ? POLL : false),
});

/** How many pages of a website are shown at once. */
export const PAGE = 100;

export const listPages = (ws: string, id: string, source: string, query: { failed: boolean; offset: number }, underWay: boolean) => ({
  queryKey: [...sourceKeys.one(ws, id, source), "pages", query] as const,
  queryFn: () =>
    unwrap(api.GET("/api/workspaces/{ws}/projects/{id}/sources/{source}/pages", { params: { path: { ws, id, source }, query: { ...query, limit: PAGE } } })),
  placeholderData: keepPreviousData,
  refetchInterval: underWay ? POLL : (false as const),
});

export const createSource = (ws: string, id: string, body: WebSourceInput) =>
  unwrap(api.POST("/api/workspaces/{ws}/projects/{id}/sources", { params: { path: { ws, id } }, body }));

export const updateSource = (ws: string, id: string, source: string, body: Omit<WebSourceInput, "url" | "kind">) =>
  unwrap(api.PATCH("/api/workspaces/{ws}/projects/{id}/sources/{source}", { params: { path: { ws, id, source } }, body }));

export const deleteSource = (ws: string, id: string, source: string) =>
  unwrap(api.DELETE("/api/workspaces/{ws}/projects/{id}/sources/{source}", { params: { path: { ws, id, source } } }));

export const syncSource = (ws: string, id: string, source: string) =>
  unwrap(api.POST("/api/workspaces/{ws}/projects/{id}/sources/{source}/sync", { params: { path: { ws, id, source } } }));
