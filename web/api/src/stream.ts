/**
 * The answer stream of `POST /api/chat`, of the widget's chat and of their resumed forms: server-sent events whose `data`
 * is one JSON object with a `type`.
 *
 * The reader believes nothing about how the bytes are cut: an event may come in pieces, several in one. Comments (the
 * server's heartbeat), unknown types and lines that are not JSON are passed over, so that a newer server does not break
 * an older page. Whatever happens, the last event is one `finish`.
 */
import type { Citation, Source, Usage } from "./types.ts";

export type StartEvent = { type: "start"; chatId: string; messageId: string; model: string; sessionToken?: string };
export type SourcesEvent = { type: "sources"; sources: Source[] };
export type TextDeltaEvent = { type: "text-delta"; textDelta: string };
export type ToolCallEvent = { type: "tool-call"; toolCallId: string; toolName: string; args: unknown };
export type ToolResultEvent = { type: "tool-result"; toolCallId: string; toolName: string; result: unknown };
export type CitationsEvent = { type: "citations"; citations: Citation[] };
export type FinishEvent = {
  type: "finish";
  finishReason: "stop" | "length" | "error";
  chatId?: string;
  messageId?: string;
  usage?: Usage;
  answered?: boolean;
  /** Beside `finishReason: "error"`: what happened, for a person, and its code. */
  error?: string;
  code?: string;
};
export type ChatEvent =
  | StartEvent
  | SourcesEvent
  | TextDeltaEvent
  | ToolCallEvent
  | ToolResultEvent
  | CitationsEvent
  | FinishEvent;

/** The `code` of the `finish` that stands in for one that never came. */
export const CONNECTION_LOST = "connection_lost:client";

const known = new Set(["start", "sources", "text-delta", "tool-call", "tool-result", "citations", "finish"]);

/** Splits bytes into server-sent events: `feed` gives the events that the new bytes completed. */
export class EventParser {
  /** The last `id:` seen: what to send as `Last-Event-ID` to go on from here. */
  lastEventId: string | null = null;
  #decoder = new TextDecoder();
  #rest = "";
  #data: string[] = [];

  feed(bytes: Uint8Array): string[] {
    this.#rest += this.#decoder.decode(bytes, { stream: true });
    const events: string[] = [];
    // A lone carriage return at the end may be half of a line break: it waits for the next bytes.
    const lines = this.#rest.split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#line(line, events);
    return events;
  }

  #line(line: string, events: string[]): void {
    if (line === "") {
      if (this.#data.length) events.push(this.#data.join("\n"));
      this.#data = [];
      return;
    }
    const colon = line.indexOf(":");
    if (colon === 0) return;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "data") this.#data.push(value);
    else if (field === "id" && !value.includes("\0")) this.lastEventId = value;
  }
}

function parseEvent(text: string): ChatEvent | null {
  try {
    const value = JSON.parse(text) as { type?: unknown };
    return typeof value.type === "string" && known.has(value.type) ? (value as ChatEvent) : null;
  } catch {
    return null;
  }
}

/**
 * Reads an answer. Ends after `finish`; a connection that breaks before it ends with a `finish` of our own whose code is
 * `CONNECTION_LOST`. Leaving the loop early, or aborting the request, lets go of the connection.
 * `onEventId` is told each id, for resuming.
 */
export async function* readChatStream(
  body: ReadableStream<Uint8Array>,
  onEventId?: (id: string) => void,
): AsyncGenerator<ChatEvent, void, undefined> {
  const parser = new EventParser();
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      for (const text of parser.feed(value)) {
        const event = parseEvent(text);
        if (!event) continue;
        if (parser.lastEventId !== null) onEventId?.(parser.lastEventId);
        yield event;
        if (event.type === "finish") return;
      }
    }
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === "AbortError") throw cause;
  } finally {
    // Not awaited: a cancelled stream may take its time to say so, and nobody needs the answer.
    reader.cancel().catch(() => undefined);
  }
  yield {
    type: "finish",
    finishReason: "error",
    error: "The connection was lost before the answer was complete.",
    code: CONNECTION_LOST,
  };
}
