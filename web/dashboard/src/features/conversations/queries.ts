/** What the pages ask the server about conversations. */
import { type Conversation, unwrap } from "@illumichat/api";
import { api } from "../../session/session.svelte.ts";

export const PAGE = 30;

export interface Filter {
  q: string;
  assistantId: string;
  channel: Conversation["channel"] | "";
  offset: number;
}

export const listConversations = (ws: string, { q, assistantId, channel, offset }: Filter) => ({
  queryKey: ["conversations", ws, { q, assistantId, channel, offset }] as const,
  queryFn: () => {
    const query = {
      limit: PAGE,
      offset,
      ...(q ? { q } : {}),
      ...(assistantId ? { assistantId } : {}),
      ...(channel ? { channel } : {}),
    };
    return unwrap(api.GET("/api/workspaces/{ws}/conversations", { params: { path: { ws }, query } }));
  },
});

export const getConversation = (ws: string, id: string) => ({
  queryKey: ["conversations", ws, id] as const,
  queryFn: () => unwrap(api.GET("/api/workspaces/{ws}/conversations/{id}", { params: { path: { ws, id } } })),
});

export const listMessages = (ws: string, id: string) => ({
  queryKey: ["conversations", ws, id, "messages"] as const,
  queryFn: () =>
    unwrap(
      api.GET("/api/workspaces/{ws}/conversations/{id}/messages", { params: { path: { ws, id }, query: { limit: 100 } } }),
    ),
});

export const deleteConversation = (ws: string, id: string) =>
  unwrap(api.DELETE("/api/workspaces/{ws}/conversations/{id}", { params: { path: { ws, id } } }));
