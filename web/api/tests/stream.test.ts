import { describe, expect, test } from "vitest";
import { type ChatEvent, CONNECTION_LOST, emptyAnswer, foldAnswer, readChatStream, withCitations } from "../src/index.ts";

const events = [
  { type: "start", chatId: "chat_1", messageId: "msg_1", model: "builtin/extractive" },
  { type: "sources", sources: [{ index: 2, documentId: "doc_2", title: "Zwei", url: null, page: 3, snippet: "…", score: 0.4 }] },
  { type: "sources", sources: [{ index: 1, documentId: "doc_1", title: "One", url: null, page: null, snippet: "…", score: 0.9 }] },
  { type: "text-delta", textDelta: "Größe 👩‍🚀 " },
  { type: "text-delta", textDelta: "fits." },
  { type: "citations", citations: [{ index: 1, start: 0, end: 5 }] },
  { type: "finish", finishReason: "stop", chatId: "chat_1", messageId: "msg_1", usage: { inputTokens: 3, outputTokens: 2 }, answered: true },
];
const wire = events.map((event, id) => `id: ${id}\ndata: ${JSON.stringify(event)}\n\n`).join("");

/** A body that arrives in pieces of `size` bytes. */
function body(text: string, size: number): ReadableStream<Uint8Array> {
  const bytes = new TextEncoder().encode(text);
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) return controller.close();
      controller.enqueue(bytes.slice(at, (at += size)));
    },
  });
}

async function read(text: string, size = 7): Promise<ChatEvent[]> {
  const seen: ChatEvent[] = [];
  for await (const event of readChatStream(body(text, size))) seen.push(event);
  return seen;
}

describe("readChatStream", () => {
  test.each([1, 2, 3, 7, 64, 100_000])("gives the same events whatever the pieces: %i bytes", async (size) => {
    expect(await read(wire, size)).toEqual(events);
  });

  test("takes carriage returns, even cut in two", async () => {
    expect(await read(wire.replaceAll("\n", "\r\n"), 1)).toEqual(events);
  });

  test("passes over heartbeats, unknown events and lines that are not JSON", async () => {
    const noisy = `: hello\n\ndata: {"type":"later"}\n\ndata: {oops\n\nretry: 5\n\n${wire}`;
    expect(await read(noisy)).toEqual(events);
  });

  test("ends after finish, whatever follows", async () => {
    expect(await read(`${wire}data: {"type":"text-delta","textDelta":"late"}\n\n`)).toEqual(events);
  });

  test("ends with a finish of its own when the connection breaks", async () => {
    const seen = await read(wire.slice(0, wire.indexOf('{"type":"citations"')));
    expect(seen.at(-1)).toMatchObject({ type: "finish", finishReason: "error", code: CONNECTION_LOST });
    expect(seen.filter((event) => event.type === "finish")).toHaveLength(1);
  });

  test("the same when the reading itself fails", async () => {
    const broken = new ReadableStream<Uint8Array>({
      start: (controller) => controller.error(new TypeError("network error")),
    });
    const seen: ChatEvent[] = [];
    for await (const event of readChatStream(broken)) seen.push(event);
    expect(seen).toMatchObject([{ type: "finish", code: CONNECTION_LOST }]);
  });

  test("tells the ids", async () => {
    const ids: string[] = [];
    for await (const event of readChatStream(body(wire, 100_000), (id) => ids.push(id))) void event;
    expect(ids.at(-1)).toBe("6");
  });

  test("lets go of the connection when the loop is left", async () => {
    let cancelled = false;
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new TextEncoder().encode('data: {"type":"text-delta","textDelta":"a"}\n\n')),
      cancel: () => void (cancelled = true),
    });
    for await (const event of readChatStream(endless)) {
      void event;
      break;
    }
    expect(cancelled).toBe(true);
  });
});

describe("foldAnswer", () => {
  test("makes the answer", async () => {
    const answer = (await read(wire)).reduce(foldAnswer, emptyAnswer());
    expect(answer).toMatchObject({ chatId: "chat_1", text: "Größe 👩‍🚀 fits.", status: "done", answered: true });
    expect(answer.sources.map((source) => source.index)).toEqual([1, 2]);
  });

  test("keeps the text when the answer fails", () => {
    const failed: ChatEvent = { type: "finish", finishReason: "error", error: "No.", code: "upstream:chat" };
    const answer = [{ type: "text-delta", textDelta: "So far" } as ChatEvent, failed].reduce(foldAnswer, emptyAnswer());
    expect(answer).toMatchObject({ text: "So far", status: "failed", error: "No." });
  });
});

describe("withCitations", () => {
  test("puts the marks after the ranges, in order, counted in code points", () => {
    const citations = [
      { index: 2, start: 3, end: 5 },
      { index: 1, start: 0, end: 2 },
      { index: 1, start: 3, end: 5 },
    ];
    expect(withCitations("👍. ab", citations)).toBe("👍.[1] ab[1][2]");
  });

  test("adds none that is there", () => {
    expect(withCitations("Yes. [1]", [{ index: 1, start: 0, end: 4 }])).toBe("Yes. [1]");
    expect(withCitations("Yes.[1]", [{ index: 1, start: 0, end: 7 }])).toBe("Yes.[1]");
    expect(withCitations("Yes [1]. **No [2].** So", [{ index: 1, start: 0, end: 8 }, { index: 2, start: 9, end: 20 }])).toBe("Yes [1]. **No [2].** So");
  });

  test("leaves code and tables as they are", () => {
    expect(withCitations("Run:\n\n```\nls\n```", [{ index: 1, start: 0, end: 16 }])).toBe("Run:\n\n```\nls\n```\n\n[1]");
    expect(withCitations("| a |\n| - |\n| 1 |", [{ index: 1, start: 0, end: 17 }])).toBe("| a |\n| - |\n| 1 |\n\n[1]");
  });

  test("bears ranges outside the text", () => {
    expect(withCitations("Yes.", [{ index: 1, start: 0, end: 99 }, { index: 1, start: 0, end: -1 }])).toBe("Yes.[1]");
  });
});
