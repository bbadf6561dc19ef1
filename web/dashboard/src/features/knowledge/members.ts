/** What the page of a project's people asks the server. */
import { type ProjectRole, unwrap } from "@illumichat/api";
import { api } from "../../session/session.svelte.ts";
import { knowledgeKeys } from "./queries.ts";

export const listProjectMembers = (ws: string, id: string) => ({
  queryKey: [...knowledgeKeys.project(ws, id), "members"] as const,
  queryFn: () => unwrap(api.GET("/api/workspaces/{ws}/projects/{id}/members", { params: { path: { ws, id }, query: { limit: 100 } } })),
});

export const addMember = (ws: string, id: string, body: { userId: string; role: ProjectRole }) =>
  unwrap(api.POST("/api/workspaces/{ws}/projects/{id}/members", { params: { path: { ws, id } }, body }));

export const changeMember = (ws: string, id: string, userId: string, role: ProjectRole) =>
  unwrap(api.PATCH("/api/workspaces/{ws}/projects/{id}/members/{userId}", { params: { path: { ws, id, userId } }, body: { role } }));

export const removeMember = (ws: string, id: string, userId: string) =>
  unwrap(api.DELETE("/api/workspaces/{ws}/projects/{id}/members/{userId}", { params: { path: { ws, id, userId } } }));
