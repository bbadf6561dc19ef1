/** An answer as it grows: the fold of its events, the same for the dashboard, the widget and the tests. */
import type { ChatEvent } from "./stream.ts";
import type { Citation, Source, Usage } from "./types.ts";

export interface Answer {
  chatId: string | null;
  messageId: string | null;
  model: string | null;
  text: string;
  sources: Source[];
  citations: Citation[];
  /** Names of the tools that were called, in order. */
  tools: string[];
  status: "waiting" | "streaming" | "done" | "cut" | "failed";
  answered: boolean | null;
  usage: Usage | null;
  error: string | null;
  code: string | null;
}

export function emptyAnswer(): Answer {
  return {
    chatId: null,
    messageId: null,
    model: null,
    text: "",
    sources: [],
    citations: [],
    tools: [],
    status: "waiting",
    answered: null,
    usage: null,
    error: null,
    code: null,
  };
}

/** The answer after one more event. A new object each time, so that a view can compare by identity. */
export function foldAnswer(answer: Answer, event: ChatEvent): Answer {
  switch (event.type) {
    case "start":
      // Whoever tells an answer from its start tells all of it: what was heard before a break is told again.
      return { ...emptyAnswer(), chatId: event.chatId, messageId: event.messageId, model: event.model };
    case "sources": {
      const seen = new Set(event.sources.map((source) => source.index));
      const sources = [...answer.sources.filter((source) => !seen.has(source.index)), ...event.sources];
      return { ...answer, sources: sources.sort((a, b) => a.index - b.index) };
    }
    case "text-delta":
      return { ...answer, text: answer.text + event.textDelta, status: "streaming" };
    case "tool-call":
      return { ...answer, tools: [...answer.tools, event.toolName] };
    case "citations":
      return { ...answer, citations: [...answer.citations, ...event.citations] };
    case "finish":
      return {
        ...answer,
        chatId: event.chatId ?? answer.chatId,
        messageId: event.messageId ?? answer.messageId,
        status: event.finishReason === "error" ? "failed" : event.finishReason === "length" ? "cut" : "done",
        answered: event.answered ?? null,
        usage: event.usage ?? null,
        error: event.error ?? null,
        code: event.code ?? null,
      };
    default:
      return answer;
  }
}

/**
 * The text with a mark after each range that a source supports, for the Markdown renderer: `[n]`, unless the caller
 * has a mark of its own. Where the text says `[n]` already, none is added. Offsets count Unicode code points.
 */
export function withCitations(
  text: string,
  citations: Citation[],
  mark: (index: number) => string = (index) => `[${index}]`,
): string {
  const points = Array.from(text);
  const marks = new Map<number, Set<number>>();
  for (const { index, end } of citations) {
    if (!Number.isInteger(end) || end < 0) continue;
    const at = Math.min(end, points.length);
    marks.set(at, (marks.get(at) ?? new Set<number>()).add(index));
  }
  let out = "";
  let from = 0;
  for (const at of [...marks.keys()].sort((a, b) => a - b)) {
    const before = points.slice(from, at).join("");
    const after = points.slice(at, at + 40).join("");
    const said = (before.match(/((?:\[\d+\])+)[\s.,:;!?…)"'”»*_]*$/)?.[1] ?? "") + (after.match(/^\s*((?:\[\d+\])+)/)?.[1] ?? "");
    out += before;
    // After code or a table a mark has a line of its own: on theirs it would be part of them.
    if (/(```|\|)$/.test(out)) out += "\n\n";
    for (const index of [...(marks.get(at) ?? [])].sort((a, b) => a - b)) {
      if (!said.includes(`[${index}]`)) out += mark(index);
    }
    from = at;
  }
  return out + points.slice(from).join("");
}
