/** The cache of what the server said. A session that has ended is noticed here, wherever it shows first. */
import { ApiError } from "@illumichat/api";
import { MutationCache, QueryCache, QueryClient } from "@tanstack/svelte-query";
import { session } from "./session.svelte.ts";

function noticeSignOut(cause: unknown): void {
  if (cause instanceof ApiError && cause.status === 401 && session.status === "in") session.leave();
}

export const queries = new QueryClient({
  queryCache: new QueryCache({ onError: noticeSignOut }),
  mutationCache: new MutationCache({ onError: noticeSignOut }),
  defaultOptions: {
    queries: {
      staleTime: 10_000,
      // By default a component hears only of the properties that it has read. One that reads a second query after the
      // first has settled would then keep what the second said at the start, and wait for ever.
      notifyOnChangeProps: "all",
      // What the server refused it refuses again; only a lost connection is worth another try.
      retry: (failures, cause) => failures < 2 && cause instanceof ApiError && (cause.status === 0 || cause.status >= 502),
    },
  },
});
