/** What the pages ask the server about assistants, with the keys under which the answers are kept. */
import { type AssistantInput, unwrap } from "@illumichat/api";
import { api } from "../../session/session.svelte.ts";

export const assistantKeys = {
  all: (ws: string) => ["assistants", ws] as const,
  one: (ws: string, id: string) => ["assistants", ws, id] as const,
  projects: (ws: string, id: string) => ["assistants", ws, id, "projects"] as const,
  grants: (ws: string, id: string) => ["assistants", ws, id, "grants"] as const,
  versions: (ws: string, id: string) => ["assistants", ws, id, "versions"] as const,
};

export const PAGE = 20;

export const listAssistants = (ws: string) => ({
  queryKey: assistantKeys.all(ws),
  queryFn: () => unwrap(api.GET("/api/workspaces/{ws}/assistants", { params: { path: { ws }, query: { limit: 100 } } })),
});

export const getAssistant = (ws: string, id: string) => ({
  queryKey: assistantKeys.one(ws, id),
  queryFn: () => unwrap(api.GET("/api/workspaces/{ws}/assistants/{id}", { params: { path: { ws, id } } })),
});

export const listAssistantProjects = (ws: string, id: string) => ({
  queryKey: assistantKeys.projects(ws, id),
  queryFn: () => unwrap(api.GET("/api/workspaces/{ws}/assistants/{id}/projects", { params: { path: { ws, id } } })),
});

export const listModels = (ws: string) => ({
  queryKey: ["models", ws] as const,
  queryFn: () => unwrap(api.GET("/api/workspaces/{ws}/models", { params: { path: { ws } } })),
});

export const createAssistant = (ws: string, body: AssistantInput & { name: string }) =>
  unwrap(api.POST("/api/workspaces/{ws}/assistants", { params: { path: { ws } }, body }));

export const updateAssistant = (ws: string, id: string, body: AssistantInput) =>
  unwrap(api.PATCH("/api/workspaces/{ws}/assistants/{id}", { params: { path: { ws, id } }, body }));

export const deleteAssistant = (ws: string, id: string) =>
  unwrap(api.DELETE("/api/workspaces/{ws}/assistants/{id}", { params: { path: { ws, id } } }));

export const duplicateAssistant = (ws: string, id: string) =>
  unwrap(api.POST("/api/workspaces/{ws}/assistants/{id}/duplicate", { params: { path: { ws, id } } }));

export const connectProject = (ws: string, id: string, projectId: string) =>
  unwrap(api.POST("/api/workspaces/{ws}/assistants/{id}/projects", { params: { path: { ws, id } }, body: { projectId } }));

export const disconnectProject = (ws: string, id: string, projectId: string) =>
  unwrap(
    api.DELETE("/api/workspaces/{ws}/assistants/{id}/projects/{projectId}", { params: { path: { ws, id, projectId } } }),
  );

export const listMembers = (ws: string) => ({
  queryKey: ["members", ws, "all"] as const,
  queryFn: () => unwrap(api.GET("/api/workspaces/{ws}/members", { params: { path: { ws }, query: { limit: 100 } } })),
});

export const listGrants = (ws: string, id: string) => ({
  queryKey: assistantKeys.grants(ws, id),
  queryFn: () =>
    unwrap(api.GET("/api/workspaces/{ws}/assistants/{id}/access", { params: { path: { ws, id }, query: { limit: 100 } } })),
});

export const grantAccess = (ws: string, id: string, userId: string) =>
  unwrap(api.PUT("/api/workspaces/{ws}/assistants/{id}/access/{userId}", { params: { path: { ws, id, userId } } }));

export const revokeAccess = (ws: string, id: string, userId: string) =>
  unwrap(api.DELETE("/api/workspaces/{ws}/assistants/{id}/access/{userId}", { params: { path: { ws, id, userId } } }));

export const listVersions = (ws: string, id: string, offset: number) => ({
  queryKey: [...assistantKeys.versions(ws, id), offset] as const,
  queryFn: () =>
    unwrap(
      api.GET("/api/workspaces/{ws}/assistants/{id}/versions", { params: { path: { ws, id }, query: { limit: PAGE, offset } } }),
    ),
});

export const restoreVersion = (ws: string, id: string, number: number) =>
  unwrap(api.POST("/api/workspaces/{ws}/assistants/{id}/versions/{number}/restore", { params: { path: { ws, id, number } } }));
