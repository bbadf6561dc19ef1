/** Puts what the event stream tells into the cache, so that the page shows it at once. */
import type { Conversation, Message } from "@illumichat/api";
import type { InfiniteData, QueryClient } from "@tanstack/svelte-query";
import type { LiveEvent } from "../../session/live.ts";
import { refreshLists } from "./queries.ts";

interface Page {
  data: Message[];
  total: number;
  limit: number;
}
export type Pages = InfiniteData<Page, string | undefined>;

/** The pages of a conversation, the newest first, with a message that is new or has changed. */
export function withMessage(pages: Pages, message: Message): Pages {
  const known = pages.pages.some((page) => page.data.some((each) => each.id === message.id));
  return {
    ...pages,
    pages: pages.pages.map((page, at) => {
      if (known) return { ...page, data: page.data.map((each) => (each.id === message.id ? message : each)) };
      return at === 0 ? { ...page, data: [...page.data, message], total: page.total + 1 } : page;
    }),
  };
}

export function patchMessage(client: QueryClient, ws: string, conversationId: string, message: Message): void {
  client.setQueryData<Pages>(["conversations", ws, conversationId, "messages"], (pages) => pages && withMessage(pages, message));
}

export function patchConversation(client: QueryClient, ws: string, conversation: Conversation): void {
  client.setQueryData<Conversation>(["conversations", ws, conversation.id], (known) => ({
    ...conversation,
    unread: conversation.unread ?? known?.unread ?? null,
  }));
}

/** Follows the stream; many events at once make one request. */
export function follow(client: QueryClient, ws: string): (event: LiveEvent) => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const refresh = () => {
    timer ??= setTimeout(() => {
      timer = undefined;
      void refreshLists(client, ws);
    }, 150);
  };
  return ({ type, data }) => {
    if (type === "reset") return void client.invalidateQueries();
    const [what, how] = type.split(".");
    if (what === "ticket") return void client.invalidateQueries({ queryKey: ["tickets", ws] });
    if (what === "contact") return void client.invalidateQueries({ queryKey: ["contacts", ws] });
    if (what === "message") {
      const { conversationId, ...message } = data as Message & { conversationId: string };
      const key = ["conversations", ws, conversationId, "messages"];
      // One that was being fetched may come without this one in it.
      const late = client.isFetching({ queryKey: key }) > 0;
      patchMessage(client, ws, conversationId, message);
      if (late) void client.invalidateQueries({ queryKey: key });
      refresh();
    } else if (what === "conversation") {
      if (how !== "deleted") patchConversation(client, ws, data as Conversation);
      refresh();
    }
  };
}
