/** What the pages ask the server about API tokens. */
import { unwrap } from "@illumichat/api";
import { api } from "../../session/session.svelte.ts";

export const tokensKey = (ws: string) => ["tokens", ws] as const;

export const listTokens = (ws: string) => ({
  queryKey: tokensKey(ws),
  queryFn: () => unwrap(api.GET("/api/workspaces/{ws}/tokens", { params: { path: { ws }, query: { limit: 100 } } })),
});

export const createToken = (ws: string, body: { name: string; expiresAt?: string | null }) =>
  unwrap(api.POST("/api/workspaces/{ws}/tokens", { params: { path: { ws } }, body }));

export const revokeToken = (ws: string, id: string) =>
  unwrap(api.DELETE("/api/workspaces/{ws}/tokens/{id}", { params: { path: { ws, id } } }));
