/** What the pages ask the server about projects and documents. */
import { type Document, type Project, type SearchMode, unwrap } from "@illumichat/api";
import { api } from "../../session/session.svelte.ts";

export const knowledgeKeys = {
  projects: (ws: string) => ["projects", ws] as const,
  project: (ws: string, id: string) => ["projects", ws, id] as const,
  documents: (ws: string, id: string) => ["projects", ws, id, "documents"] as const,
  document: (ws: string, id: string, documentId: string) => ["projects", ws, id, "documents", documentId] as const,
};

/** How often a list is asked for again while something in it is being read, in milliseconds. */
const POLL = 1000;
const isUnderWay = (document: Document) => document.status === "pending" || document.status === "processing";

export const listProjects = (ws: string) => ({
  queryKey: knowledgeKeys.projects(ws),
  queryFn: () => unwrap(api.GET("/api/workspaces/{ws}/projects", { params: { path: { ws }, query: { limit: 100 } } })),
});

export const getProject = (ws: string, id: string) => ({
  queryKey: knowledgeKeys.project(ws, id),
  queryFn: () => unwrap(api.GET("/api/workspaces/{ws}/projects/{id}", { params: { path: { ws, id } } })),
});

export const PAGE = 50;

export const listDocuments = (ws: string, id: string, filter: { q: string; offset: number }) => ({
  queryKey: [...knowledgeKeys.documents(ws, id), filter] as const,
  queryFn: () => {
    const query = { limit: PAGE, offset: filter.offset, ...(filter.q ? { q: filter.q } : {}) };
    return unwrap(api.GET("/api/workspaces/{ws}/projects/{id}/documents", { params: { path: { ws, id }, query } }));
  },
  refetchInterval: (query: { state: { data?: { data: Document[] } | undefined } }) =>
    query.state.data?.data.some(isUnderWay) ? POLL : false,
});

export const getDocument = (ws: string, id: string, documentId: string) => ({
  queryKey: knowledgeKeys.document(ws, id, documentId),
  queryFn: () =>
    unwrap(api.GET("/api/workspaces/{ws}/projects/{id}/documents/{document}", { params: { path: { ws, id, document: documentId } } })),
  refetchInterval: (query: { state: { data?: Document | undefined } }) =>
    query.state.data && isUnderWay(query.state.data) ? POLL : false,
});

export const listChunks = (ws: string, id: string, documentId: string, offset: number) => ({
  queryKey: [...knowledgeKeys.document(ws, id, documentId), "chunks", offset] as const,
  queryFn: () =>
    unwrap(
      api.GET("/api/workspaces/{ws}/projects/{id}/documents/{document}/chunks", {
        params: { path: { ws, id, document: documentId }, query: { limit: PAGE, offset } },
      }),
    ),
});

export const createProject = (ws: string, body: { name: string; description?: string | null }) =>
  unwrap(api.POST("/api/workspaces/{ws}/projects", { params: { path: { ws } }, body }));

export const updateProject = (
  ws: string,
  id: string,
  body: { name?: string; description?: string | null; visibility?: Project["visibility"] },
) =>
  unwrap(api.PATCH("/api/workspaces/{ws}/projects/{id}", { params: { path: { ws, id } }, body }));

export const deleteProject = (ws: string, id: string) =>
  unwrap(api.DELETE("/api/workspaces/{ws}/projects/{id}", { params: { path: { ws, id } } }));

export const addText = (ws: string, id: string, body: { title: string; text: string }) =>
  unwrap(api.POST("/api/workspaces/{ws}/projects/{id}/documents", { params: { path: { ws, id } }, body }));

export const deleteDocument = (ws: string, id: string, documentId: string) =>
  unwrap(
    api.DELETE("/api/workspaces/{ws}/projects/{id}/documents/{document}", { params: { path: { ws, id, document: documentId } } }),
  );

export const reprocessDocument = (ws: string, id: string, documentId: string) =>
  unwrap(
    api.POST("/api/workspaces/{ws}/projects/{id}/documents/{document}/reprocess", {
      params: { path: { ws, id, document: documentId } },
    }),
  );

export const contentUrl = (ws: string, id: string, documentId: string) =>
  `/api/workspaces/${ws}/projects/${id}/documents/${documentId}/content`;

export const searchProject = (ws: string, id: string, body: { query: string; limit: number; mode: SearchMode }) => ({
  queryKey: [...knowledgeKeys.project(ws, id), "search", body] as const,
  queryFn: () => unwrap(api.POST("/api/workspaces/{ws}/projects/{id}/search", { params: { path: { ws, id } }, body })),
});
