/** What the pages ask the server about tools: the web search, MCP servers, actions, and who may use which. */
import { type ActionInput, type AssistantTool, type McpServerInput, unwrap, type WebSearchInput } from "@illumichat/api";
import { api } from "../../session/session.svelte.ts";
import { orNull } from "../channels/queries.ts";

export const toolKeys = {
  webSearch: (ws: string) => ["web-search", ws] as const,
  servers: (ws: string) => ["mcp-servers", ws] as const,
  actions: (ws: string) => ["actions", ws] as const,
  assistant: (ws: string, id: string) => ["assistant-tools", ws, id] as const,
};

export const getWebSearch = (ws: string) => ({
  queryKey: toolKeys.webSearch(ws),
  queryFn: () => orNull(unwrap(api.GET("/api/workspaces/{ws}/web-search", { params: { path: { ws } } }))),
});

export const putWebSearch = (ws: string, body: WebSearchInput) =>
  unwrap(api.PUT("/api/workspaces/{ws}/web-search", { params: { path: { ws } }, body }));

export const deleteWebSearch = (ws: string) =>
  unwrap(api.DELETE("/api/workspaces/{ws}/web-search", { params: { path: { ws } } }));

export const testWebSearch = (ws: string, query: string) =>
  unwrap(api.POST("/api/workspaces/{ws}/web-search/test", { params: { path: { ws } }, body: { query } }));

export const listServers = (ws: string) => ({
  queryKey: toolKeys.servers(ws),
  queryFn: () => unwrap(api.GET("/api/workspaces/{ws}/mcp-servers", { params: { path: { ws }, query: { limit: 100 } } })),
});

export const createServer = (ws: string, body: McpServerInput) =>
  unwrap(api.POST("/api/workspaces/{ws}/mcp-servers", { params: { path: { ws } }, body }));

export const updateServer = (ws: string, id: string, body: McpServerInput) =>
  unwrap(api.PATCH("/api/workspaces/{ws}/mcp-servers/{id}", { params: { path: { ws, id } }, body }));

export const deleteServer = (ws: string, id: string) =>
  unwrap(api.DELETE("/api/workspaces/{ws}/mcp-servers/{id}", { params: { path: { ws, id } } }));

export const testServer = (ws: string, id: string) =>
  unwrap(api.POST("/api/workspaces/{ws}/mcp-servers/{id}/test", { params: { path: { ws, id } } }));

export const listActions = (ws: string) => ({
  queryKey: toolKeys.actions(ws),
  queryFn: () => unwrap(api.GET("/api/workspaces/{ws}/actions", { params: { path: { ws }, query: { limit: 100 } } })),
});

export const createAction = (ws: string, body: ActionInput) =>
  unwrap(api.POST("/api/workspaces/{ws}/actions", { params: { path: { ws } }, body }));

export const updateAction = (ws: string, id: string, body: ActionInput) =>
  unwrap(api.PATCH("/api/workspaces/{ws}/actions/{id}", { params: { path: { ws, id } }, body }));

export const deleteAction = (ws: string, id: string) =>
  unwrap(api.DELETE("/api/workspaces/{ws}/actions/{id}", { params: { path: { ws, id } } }));

export const testAction = (ws: string, id: string, values: Record<string, unknown>) =>
  unwrap(api.POST("/api/workspaces/{ws}/actions/{id}/test", { params: { path: { ws, id } }, body: { arguments: values } }));

export const getAssistantTools = (ws: string, id: string) => ({
  queryKey: toolKeys.assistant(ws, id),
  queryFn: () => unwrap(api.GET("/api/workspaces/{ws}/assistants/{id}/tools", { params: { path: { ws, id } } })),
});

export const putAssistantTools = (ws: string, id: string, tools: AssistantTool[]) =>
  unwrap(api.PUT("/api/workspaces/{ws}/assistants/{id}/tools", { params: { path: { ws, id } }, body: { tools } }));
