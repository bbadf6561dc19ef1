/** The events of the workspace's stream, as they come over the wire. */
export interface LiveEvent {
  type: string;
  id?: string;
  data?: unknown;
  /** Of `presence` and `typing`, which are never stored. */
  online?: { userId: string; name: string }[];
  conversationId?: string;
  userId?: string | null;
  name?: string | null;
  state?: string;
}

export function parseLive(text: string): LiveEvent | null {
  try {
    const value = JSON.parse(text) as { type?: unknown } | null;
    return typeof value?.type === "string" ? (value as LiveEvent) : null;
  } catch {
    return null;
  }
}

/** How long to wait before the next try, in milliseconds: longer each time, and not everybody at once. */
export function backoff(failures: number, random = Math.random()): number {
  const longest = Math.min(30_000, 1000 * 2 ** Math.min(failures - 1, 10));
  return Math.round(longest * (0.5 + random / 2));
}
