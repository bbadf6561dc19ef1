/** What the pages ask the server about providers of models, and which model answers by default. */
import { type ProviderInput, unwrap, type WorkspaceInput } from "@illumichat/api";
import { api } from "../../session/session.svelte.ts";

export const providersKey = (ws: string) => ["providers", ws] as const;

export const listProviders = (ws: string) => ({
  queryKey: providersKey(ws),
  queryFn: () => unwrap(api.GET("/api/workspaces/{ws}/providers", { params: { path: { ws }, query: { limit: 100 } } })),
});

export const putProvider = (ws: string, name: string, body: ProviderInput) =>
  unwrap(api.PUT("/api/workspaces/{ws}/providers/{name}", { params: { path: { ws, name } }, body }));

export const deleteProvider = (ws: string, name: string) =>
  unwrap(api.DELETE("/api/workspaces/{ws}/providers/{name}", { params: { path: { ws, name } } }));

export const testProvider = (ws: string, name: string) =>
  unwrap(api.POST("/api/workspaces/{ws}/providers/{name}/test", { params: { path: { ws, name } } }));

export const updateWorkspace = (ws: string, body: WorkspaceInput) =>
  unwrap(api.PATCH("/api/workspaces/{ws}", { params: { path: { ws } }, body }));
