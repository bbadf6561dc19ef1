/** What stays on the visitor's device: the session's token once they have written, and a draft. Never a cookie. */

export interface Session {
  sessionId?: string;
  sessionToken: string;
}

export interface Storage {
  session: Session | null;
  draft: string;
}

/** The two values of one assistant, in the page's own storage; in memory where a browser denies that. */
export function storage(assistantId: string): Storage {
  const memory = new Map<string, string>();
  const name = (key: string): string => `illumichat:${key}:${assistantId}`;
  const read = (kind: "localStorage" | "sessionStorage", key: string): string | null => {
    try {
      return window[kind].getItem(name(key));
    } catch {
      return memory.get(key) ?? null;
    }
  };
  const write = (kind: "localStorage" | "sessionStorage", key: string, value: string | null): void => {
    try {
      if (value) window[kind].setItem(name(key), value);
      else window[kind].removeItem(name(key));
    } catch {
      if (value) memory.set(key, value);
      else memory.delete(key);
    }
  };
  return {
    get session() {
      try {
        const session = JSON.parse(read("localStorage", "session") ?? "null") as Session | null;
        return session?.sessionToken ? session : null;
      } catch {
        return null;
      }
    },
    set session(session) {
      write("localStorage", "session", session && JSON.stringify(session));
    },
    get draft() {
      return read("sessionStorage", "draft") ?? "";
    },
    set draft(draft) {
      write("sessionStorage", "draft", draft || null);
    },
  };
}
