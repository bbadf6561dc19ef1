/** What stays on the visitor's device: the session's token once they have written, and a draft. Never a cookie. */

export interface Session {
  sessionId?: string;
  sessionToken: string;
}

export interface Storage {
  session: Session | null;
  draft: string;
  /** Whether the visitor has left an address in this session. */
  known: boolean;
}

/** The values of one assistant, in the page's own storage. Where a browser denies that, they last as long as the page. */
export function storage(assistantId: string): Storage {
  const access = (kind: "localStorage" | "sessionStorage", name: string, value?: string): string => {
    const key = `illumichat:${name}:${assistantId}`;
    try {
      if (value) window[kind].setItem(key, value);
      else if (value !== undefined) window[kind].removeItem(key);
      return window[kind].getItem(key) ?? "";
    } catch {
      return "";
    }
  };
  return {
    get session() {
      try {
        return JSON.parse(access("localStorage", "session")) as Session;
      } catch {
        return null;
      }
    },
    set session(session) {
      access("localStorage", "session", session ? JSON.stringify(session) : "");
    },
    get known() {
      return !!access("localStorage", "known");
    },
    set known(known) {
      access("localStorage", "known", known ? "1" : "");
    },
    get draft() {
      return access("sessionStorage", "draft");
    },
    set draft(draft) {
      access("sessionStorage", "draft", draft);
    },
  };
}
