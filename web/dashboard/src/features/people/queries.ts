/** What the pages ask the server about who is in a workspace, and who is asked into it. */
import { type Role, unwrap } from "@illumichat/api";
import { api } from "../../session/session.svelte.ts";

export const PAGE = 50;

export const peopleKeys = {
  members: (ws: string) => ["members", ws] as const,
  invitations: (ws: string) => ["invitations", ws] as const,
};

export const listMembers = (ws: string, offset: number) => ({
  queryKey: [...peopleKeys.members(ws), offset] as const,
  queryFn: () => unwrap(api.GET("/api/workspaces/{ws}/members", { params: { path: { ws }, query: { limit: PAGE, offset } } })),
});

export const changeRole = (ws: string, userId: string, role: Role) =>
  unwrap(api.PATCH("/api/workspaces/{ws}/members/{userId}", { params: { path: { ws, userId } }, body: { role } }));

export const removeMember = (ws: string, userId: string) =>
  unwrap(api.DELETE("/api/workspaces/{ws}/members/{userId}", { params: { path: { ws, userId } } }));

export const transferWorkspace = (ws: string, userId: string) =>
  unwrap(api.POST("/api/workspaces/{ws}/transfer", { params: { path: { ws } }, body: { userId } }));

export const listInvitations = (ws: string) => ({
  queryKey: peopleKeys.invitations(ws),
  queryFn: () => unwrap(api.GET("/api/workspaces/{ws}/invitations", { params: { path: { ws }, query: { limit: 100 } } })),
});

export const createInvitation = (ws: string, body: { email: string; role: Role }) =>
  unwrap(api.POST("/api/workspaces/{ws}/invitations", { params: { path: { ws } }, body }));

export const resendInvitation = (ws: string, id: string) =>
  unwrap(api.POST("/api/workspaces/{ws}/invitations/{id}/resend", { params: { path: { ws, id } } }));

export const deleteInvitation = (ws: string, id: string) =>
  unwrap(api.DELETE("/api/workspaces/{ws}/invitations/{id}", { params: { path: { ws, id } } }));

export const getInvitation = (token: string) => ({
  queryKey: ["invitation", token] as const,
  queryFn: () => unwrap(api.GET("/api/invitations/{token}", { params: { path: { token } } })),
});

export const acceptInvitation = (token: string, body: { name?: string; password?: string }) =>
  unwrap(api.POST("/api/invitations/{token}/accept", { params: { path: { token } }, body }));
