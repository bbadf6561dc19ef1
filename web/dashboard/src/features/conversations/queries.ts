/** What the pages ask the server about conversations. */
import { type Conversation, type Message, unwrap } from "@illumichat/api";
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

interface Messages {
  data: Message[];
  total: number;
  limit: number;
}

/** The last messages, and on demand those before them. */
export const listMessages = (ws: string, id: string) => ({
  queryKey: ["conversations", ws, id, "messages"] as const,
  initialPageParam: undefined as string | undefined,
  queryFn: ({ pageParam: before }: { pageParam: string | undefined }): Promise<Messages> =>
    unwrap(
      api.GET("/api/workspaces/{ws}/conversations/{id}/messages", {
        params: { path: { ws, id }, query: { limit: 100, ...(before ? { before } : {}) } },
      }),
    ),
  getNextPageParam: (last: Messages, pages: Messages[]) => {
    const [first] = last.data;
    if (!first || last.data.length < last.limit || oldestFirst(pages).length >= last.total) return undefined;
    // What was written in the same millisecond is asked for again, so that none of it is passed over.
    return new Date(Date.parse(first.createdAt) + 1).toISOString();
  },
});

/** The messages of all pages, each once. */
export function oldestFirst(pages: Messages[]): Message[] {
  const messages = pages.toReversed().flatMap((page) => page.data);
  return [...new Map(messages.map((message) => [message.id, message])).values()];
}

export const deleteConversation = (ws: string, id: string) =>
  unwrap(api.DELETE("/api/workspaces/{ws}/conversations/{id}", { params: { path: { ws, id } } }));
