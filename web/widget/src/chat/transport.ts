/** The widget's requests to the server. Every failure is an `ApiError`; status 0 is one without an answer. */
import { ApiError } from "@illumichat/api";
import type { Identity } from "../types.ts";
import type { StoredMessage } from "./message.ts";
import type { Session } from "./storage.ts";

export interface SessionAnswer {
  sessionId: string;
  sessionToken: string;
  conversationId?: string | null;
  /** Who answers, and the person who does. */
  handler?: "ai" | "human" | null;
  status?: "open" | "pending" | "closed" | null;
  agent?: { name: string; avatarUrl?: string | null } | null;
  /** Who the visitor has been proved to be. */
  contact?: object | null;
  unread?: number;
  messages?: StoredMessage[] | null;
}

export interface Call extends Omit<RequestInit, "body"> {
  body?: object;
  headers?: Record<string, string>;
}

export class Transport {
  readonly base: string;

  /** `api` is the server's address without a slash at its end. */
  constructor(api: string, assistantId: string) {
    this.base = `${api}/api/widget/${encodeURIComponent(assistantId)}`;
  }

  /** Makes a session, or takes up the one that the token opens. */
  async session(
    session: Session | null,
    metadata: Record<string, string>,
    identity: Identity | null,
  ): Promise<SessionAnswer> {
    const body = { ...session, metadata, ...(identity && { identity }) };
    return (await this.call("session", null, { method: "POST", body })).json() as Promise<SessionAnswer>;
  }

  /** Goes on with an answer whose connection broke. */
  resume(session: Session, messageId: string, lastEventId: string | null, signal: AbortSignal): Promise<Response> {
    const headers: Record<string, string> = lastEventId === null ? {} : { "Last-Event-ID": lastEventId };
    return this.call(`messages/${encodeURIComponent(messageId)}/stream`, session, { headers, signal });
  }

  async stop(session: Session, messageId: string): Promise<void> {
    await this.call(`messages/${encodeURIComponent(messageId)}/stop`, session, { method: "POST" });
  }

  async call(path: string, session: Session | null, { body, headers = {}, ...init }: Call): Promise<Response> {
    if (body) headers["Content-Type"] = "application/json";
    if (session) headers.Authorization = `Widget ${session.sessionToken}`;
    let response: Response;
    try {
      response = await fetch(`${this.base}/${path}`, {
        ...init,
        headers,
        credentials: "omit",
        ...(body && { body: JSON.stringify(body) }),
      });
    } catch (cause) {
      if (cause instanceof DOMException && cause.name === "AbortError") throw cause;
      throw ApiError.offline();
    }
    if (!response.ok) throw await ApiError.from(response);
    return response;
  }
}
