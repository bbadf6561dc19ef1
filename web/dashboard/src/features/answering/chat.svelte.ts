/** One test conversation with an assistant: what was said, and the answer that is on its way. */
import { type Answer, ApiError, emptyAnswer, foldAnswer, readChatStream } from "@illumichat/api";
import { message } from "../../components/submission.svelte.ts";
import { queries } from "../../session/queries.ts";
import { session } from "../../session/session.svelte.ts";

export interface Turn {
  id: number;
  question: string;
  answer: Answer;
  /** Whether the person stopped it. */
  stopped: boolean;
}

export class Chat {
  turns = $state<Turn[]>([]);
  busy = $state(false);
  #chatId: string | null = null;
  #abort: AbortController | null = null;
  #next = 0;
  readonly #assistantId: string;

  constructor(assistantId: string) {
    this.#assistantId = assistantId;
  }

  async ask(question: string): Promise<void> {
    if (this.busy) return;
    const turn = $state<Turn>({ id: (this.#next += 1), question, answer: emptyAnswer(), stopped: false });
    this.turns.push(turn);
    this.busy = true;
    this.#abort = new AbortController();
    try {
      const response = await this.#send(question, this.#abort.signal);
      for await (const event of readChatStream(response)) {
        turn.answer = foldAnswer(turn.answer, event);
        if (turn.answer.chatId) this.#chatId = turn.answer.chatId;
      }
    } catch (cause) {
      if (cause instanceof DOMException && cause.name === "AbortError") {
        turn.stopped = true;
        turn.answer = { ...turn.answer, status: "done" };
      } else {
        turn.answer = { ...turn.answer, status: "failed", error: message(cause) };
      }
      if (cause instanceof ApiError && cause.status === 401) session.leave();
    } finally {
      this.busy = false;
      this.#abort = null;
      void queries.invalidateQueries({ queryKey: ["conversations", session.workspaceId] });
    }
  }

  /** Asks the last question again; the failed answer goes. */
  async retry(): Promise<void> {
    const last = this.turns.pop();
    if (last) await this.ask(last.question);
  }

  /** Stops the answer: here at once, and at the server, which would otherwise go on a while in case we came back. */
  stop(): void {
    if (!this.#abort) return;
    const { chatId, messageId } = this.turns.at(-1)?.answer ?? {};
    this.#abort.abort();
    if (!chatId || !messageId) return;
    const address = `/api/chat/${encodeURIComponent(chatId)}/messages/${encodeURIComponent(messageId)}/stop`;
    void fetch(address, { method: "POST", keepalive: true }).catch(() => undefined);
  }

  reset(): void {
    this.stop();
    this.turns = [];
    this.#chatId = null;
  }

  async #send(content: string, signal: AbortSignal): Promise<ReadableStream<Uint8Array>> {
    let response: Response;
    try {
      response = await fetch("/api/chat", {
        method: "POST",
        headers: { "Content-Type": "application/json", "X-Workspace-Id": session.workspaceId },
        body: JSON.stringify({
          assistantId: this.#assistantId,
          ...(this.#chatId ? { chatId: this.#chatId } : {}),
          messages: [{ role: "user", content }],
        }),
        signal,
      });
    } catch (cause) {
      if (signal.aborted) throw cause;
      throw ApiError.offline();
    }
    if (!response.ok) throw await ApiError.from(response);
    if (!response.body) throw ApiError.offline();
    return response.body;
  }
}
