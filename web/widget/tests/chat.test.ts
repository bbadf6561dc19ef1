import { flushSync } from "svelte";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Chat } from "../src/chat/chat.svelte.ts";
import { failureText, toFailure } from "../src/chat/failure.ts";
import { fromStored } from "../src/chat/message.ts";
import en from "../src/locales/en.ts";

type Handler = (init: RequestInit & { headers: Record<string, string> }) => Response | Promise<Response>;
let routes: Record<string, Handler>;
let calls: { path: string; headers: Record<string, string>; body: Record<string, unknown> }[];
let chats: Chat[];
let events: [string, unknown][];
let online = true;

const event = (value: object): string => `data: ${JSON.stringify(value)}\n\n`;
const start = event({ type: "start", chatId: "chat_1", messageId: "msg_1", model: "m" });
const delta = (textDelta: string): string => event({ type: "text-delta", textDelta });
const finish = (more: object = {}): string =>
  event({ type: "finish", finishReason: "stop", messageId: "msg_1", answered: true, ...more });

/** An event stream of these pieces; `null` breaks the line off. */
function stream(...pieces: (string | null)[]): Response {
  const bytes = new TextEncoder();
  return new Response(
    new ReadableStream({
      async start(controller) {
        for (const piece of pieces) {
          await new Promise((done) => setTimeout(done, 1));
          if (piece === null) return controller.error(new TypeError("network"));
          controller.enqueue(bytes.encode(piece));
        }
        controller.close();
      },
    }),
    { headers: { "Content-Type": "text/event-stream" } },
  );
}
const problem = (status: number, code: string, headers = {}): Response =>
  Response.json({ error: "No.", code }, { status, headers });

function chat(): Chat {
  const one = new Chat({
    api: "https://chat.test",
    assistantId: "ast_1",
    locale: "en",
    emit: (name, detail) => void events.push([name, detail]),
    waits: { reconnect: [1, 1], history: [1, 1] },
  });
  chats.push(one);
  return one;
}
const shown = (one: Chat): [string, string, string][] =>
  one.messages.map(({ role, status, content }) => [role, status, content]);
const until = async (condition: () => boolean): Promise<void> => {
  for (let turn = 0; turn < 200 && !condition(); turn++) await new Promise((done) => setTimeout(done, 5));
  flushSync();
  expect(condition()).toBe(true);
};

beforeEach(() => {
  [chats, calls, events, online] = [[], [], [], true];
  localStorage.clear();
  sessionStorage.clear();
  routes = {
    session: () => Response.json({ sessionId: "sess_1", sessionToken: "tok_1", messages: [] }, { status: 201 }),
    chat: () => stream(start, delta("Hello"), delta(" you."), finish()),
    "messages/msg_1/stop": () => new Response(null, { status: 204 }),
  };
  vi.spyOn(navigator, "onLine", "get").mockImplementation(() => online);
  vi.stubGlobal("fetch", async (address: string, init: RequestInit & { headers: Record<string, string> }) => {
    const path = address.replace("https://chat.test/api/widget/ast_1/", "");
    calls.push({ path, headers: init.headers, body: init.body ? JSON.parse(init.body as string) : {} });
    const route = routes[path];
    return route ? route(init) : problem(404, "not_found:widget");
  });
});
afterEach(() => {
  for (const one of chats) one.destroy();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

describe("a message", () => {
  it("is shown at once, and answered as the stream says", async () => {
    const one = chat();
    const sent = one.send(" Hi ");
    expect(shown(one)[0]).toEqual(["user", "sending", "Hi"]);
    await sent;
    expect(shown(one)).toEqual([
      ["user", "sent", "Hi"],
      ["assistant", "done", "Hello you."],
    ]);
    expect(calls.map(({ path }) => path)).toEqual(["session", "chat"]);
    expect(calls[0]!.body).toMatchObject({ metadata: { page: expect.any(String), locale: "en" } });
    expect(calls[1]).toMatchObject({ headers: { Authorization: "Widget tok_1" }, body: { message: "Hi" } });
    expect(events.map(([name]) => name)).toEqual(["message:sent", "message:received"]);
    expect(events[1]![1]).toEqual({ id: "msg_1", text: "Hello you.", role: "assistant" });
  });

  it("leaves nothing on the device before it is sent", async () => {
    const one = chat();
    one.prepare();
    await until(() => calls.length === 1);
    expect(localStorage.length).toBe(0);
    await one.send("Hi");
    expect(calls.map(({ path }) => path)).toEqual(["session", "chat"]);
    expect(JSON.parse(localStorage.getItem("illumichat:session:ast_1")!)).toEqual({
      sessionId: "sess_1",
      sessionToken: "tok_1",
    });
  });

  it("gathers sources, citations and tools", async () => {
    const source = { index: 1, documentId: "d", title: "T", url: null, page: null, snippet: "s", score: 1 };
    routes.chat = () =>
      stream(
        start,
        event({ type: "tool-call", toolCallId: "1", toolName: "search", args: {} }),
        event({ type: "tool-result", toolCallId: "1", toolName: "search", result: {} }),
        event({ type: "sources", sources: [source] }),
        event({
          type: "sources",
          sources: [
            { ...source, title: "U" },
            { ...source, index: 2 },
          ],
        }),
        delta("So."),
        event({ type: "citations", citations: [{ index: 1, start: 0, end: 3 }] }),
        event({ type: "something-new" }),
        finish({ finishReason: "length" }),
      );
    const one = chat();
    await one.send("Hi");
    const answer = one.messages[1]!;
    expect(answer.sources.map(({ index, title }) => [index, title])).toEqual([
      [1, "U"],
      [2, "T"],
    ]);
    expect(answer.citations).toEqual([{ index: 1, start: 0, end: 3 }]);
    expect([answer.status, answer.tool, answer.id]).toEqual(["cut", false, "msg_1"]);
  });

  it("reads events however the network cuts them", async () => {
    const whole = ": comment\n\n" + start + delta("Ünï 😀 ") + delta("ok") + finish();
    const bytes = new TextEncoder().encode(whole);
    routes.chat = () =>
      new Response(
        new ReadableStream({
          start(controller) {
            for (let at = 0; at < bytes.length; at += 3) controller.enqueue(bytes.slice(at, at + 3));
            controller.close();
          },
        }),
      );
    const one = chat();
    await one.send("Hi");
    expect(shown(one)[1]).toEqual(["assistant", "done", "Ünï 😀 ok"]);
  });

  it("waits for its turn while an answer is written", async () => {
    const one = chat();
    const first = one.send("one");
    const second = one.send("two");
    expect(shown(one).map(([, status]) => status)).toContain("queued");
    await Promise.all([first, second]);
    await until(() => one.messages.length === 4 && !one.busy);
    expect(shown(one).map(([, , content]) => content)).toEqual(["one", "Hello you.", "two", "Hello you."]);
  });

  it("is only delivered where a person has the conversation", async () => {
    routes.chat = () => Response.json({ status: "delivered" }, { status: 202 });
    const one = chat();
    await one.send("Hi");
    expect(shown(one)).toEqual([["user", "delivered", "Hi"]]);
  });

  it("stops where the visitor stops it, here and on the server", async () => {
    routes.chat = ({ signal }) => {
      const endless = stream(start, delta("Once"), ...Array.from({ length: 500 }, () => delta(" more")));
      signal!.addEventListener("abort", () => {});
      return endless;
    };
    const one = chat();
    const sent = one.send("Hi");
    await until(() => one.messages[1]?.content.includes("Once more") ?? false);
    one.stop();
    expect(one.messages[1]!.status).toBe("stopped");
    await until(() => calls.some(({ path }) => path === "messages/msg_1/stop"));
    await Promise.race([sent, new Promise((done) => setTimeout(done, 50))]);
    expect(one.messages[1]!.status).toBe("stopped");
  });
});

describe("what goes wrong", () => {
  it("keeps the text where the server refuses, and sends it again", async () => {
    routes.chat = () => problem(429, "rate_limit:widget", { "Retry-After": "7" });
    const one = chat();
    await expect(one.send("Hi")).rejects.toMatchObject({ status: 429 });
    const [own] = one.messages;
    expect([own!.status, own!.content, one.messages.length]).toEqual(["failed", "Hi", 1]);
    expect(own!.failure!.until - Date.now()).toBeGreaterThan(6000);
    expect(failureText(own!.failure!, en, "en", own!.failure!.until - 7000)).toBe(
      "That was a lot of messages in a short time. You can go on in 7 seconds.",
    );
    routes.chat = () => stream(start, delta("Yes."), finish());
    await one.retry(own!.id);
    expect(shown(one)).toEqual([
      ["user", "sent", "Hi"],
      ["assistant", "done", "Yes."],
    ]);
  });

  it("takes a new session where the old one has run out", async () => {
    localStorage.setItem("illumichat:session:ast_1", JSON.stringify({ sessionId: "sess_0", sessionToken: "tok_0" }));
    let refused = 0;
    routes.session = ({ body }) =>
      String(body).includes("tok_0")
        ? Response.json({ sessionId: "sess_0", sessionToken: "tok_0", messages: [] })
        : Response.json({ sessionId: "sess_1", sessionToken: "tok_1" }, { status: 201 });
    routes.chat = ({ headers }) =>
      headers.Authorization === "Widget tok_0"
        ? (refused++, problem(401, "unauthorized:widget"))
        : stream(start, delta("Yes."), finish());
    const one = chat();
    await one.resume();
    await one.send("Hi");
    expect(refused).toBe(1);
    expect(shown(one)[1]).toEqual(["assistant", "done", "Yes."]);
  });

  it("shows an answer that broke, with what there was of it, and asks again", async () => {
    routes.chat = () =>
      stream(start, delta("Half"), finish({ finishReason: "error", error: "x", code: "upstream:chat" }));
    const one = chat();
    await one.send("Hi");
    expect(shown(one)[1]).toEqual(["assistant", "error", "Half"]);
    routes.chat = () => stream(start, delta("Whole."), finish());
    await one.retry("msg_1");
    expect(shown(one)).toEqual([
      ["user", "sent", "Hi"],
      ["assistant", "done", "Whole."],
    ]);
  });

  it("takes a broken line up where it broke", async () => {
    routes.chat = () => stream("id: 1\n" + start, "id: 2\n" + delta("Hel"), null);
    routes["messages/msg_1/stream"] = () => stream("id: 3\n" + delta("lo."), "id: 4\n" + finish());
    const one = chat();
    await one.send("Hi");
    expect(shown(one)[1]).toEqual(["assistant", "done", "Hello."]);
    expect(calls.find(({ path }) => path.endsWith("stream"))!.headers["Last-Event-ID"]).toBe("2");
  });

  it("fetches the stored answer where the stream cannot be taken up", async () => {
    const answer = {
      id: "msg_1",
      role: "assistant",
      content: "Hello.",
      status: "complete",
      createdAt: "2026-01-01T00:00:00.000Z",
    };
    routes.chat = () => stream(start, delta("Hel"), null);
    const one = chat();
    let asked = 0;
    routes.session = () =>
      Response.json({ sessionId: "sess_1", sessionToken: "tok_1", messages: asked++ > 1 ? [answer] : [] });
    await one.send("Hi");
    expect(shown(one)[1]).toEqual(["assistant", "done", "Hello."]);
  });

  it("says so where nothing brings the answer back", async () => {
    routes.chat = () => stream(start, delta("Hel"), null);
    const one = chat();
    await one.send("Hi");
    expect(shown(one)[1]).toEqual(["assistant", "error", "Hel"]);
    expect(failureText(one.messages[1]!.failure!, en, "en")).toBe(en.errorLost);
  });

  it("waits while the browser is offline, and sends when it is back", async () => {
    const one = chat();
    online = false;
    window.dispatchEvent(new Event("offline"));
    await one.send("Hi");
    expect(shown(one)).toEqual([["user", "queued", "Hi"]]);
    expect(calls).toEqual([]);
    online = true;
    window.dispatchEvent(new Event("online"));
    await until(() => one.messages[1]?.status === "done");
  });

  it.each([
    [0, "offline:client", en.errorNetwork, true],
    [500, "internal:widget", en.errorServer, true],
    [503, "unavailable:widget", en.errorServer, true],
    [403, "forbidden:widget", en.errorForbidden, false],
    [404, "not_found:widget", en.errorGone, false],
    [413, "too_large:widget", en.errorTooLong, false],
  ])("has a sentence for %i", async (status, code, text, retry) => {
    routes.chat = () => (status ? problem(status, code) : Promise.reject(new TypeError("Failed to fetch")));
    const one = chat();
    await expect(one.send("Hi")).rejects.toThrow();
    const failure = one.messages[0]!.failure!;
    expect(failureText(failure, en, "en")).toBe(text);
    expect(failure.retry).toBe(retry);
  });

  it("does not take a programming mistake for a broken line", () => {
    expect(toFailure(new Error("x")).code).toBe("internal:client");
  });
});

describe("the history", () => {
  const stored = [
    { id: "msg_1", role: "user", content: "Hi", createdAt: "2026-01-01T00:00:00.000Z" },
    { id: "msg_2", role: "assistant", content: "Hello.", status: "complete", createdAt: "2026-01-01T00:00:01.000Z" },
    { id: "msg_3", role: "note", content: "secret", createdAt: "2026-01-01T00:00:02.000Z" },
  ];
  beforeEach(() =>
    localStorage.setItem("illumichat:session:ast_1", JSON.stringify({ sessionId: "sess_1", sessionToken: "tok_1" })),
  );

  it("comes back with the token", async () => {
    routes.session = () => Response.json({ sessionId: "sess_1", sessionToken: "tok_1", messages: stored });
    const one = chat();
    await one.resume();
    expect(calls[0]!.body).toMatchObject({ sessionId: "sess_1", sessionToken: "tok_1" });
    expect(shown(one)).toEqual([
      ["user", "sent", "Hi"],
      ["assistant", "done", "Hello."],
    ]);
    expect(one.history).toBe("ready");
  });

  it("is forgotten where the session has run out", async () => {
    routes.session = () => problem(401, "unauthorized:widget");
    const one = chat();
    await one.resume();
    expect([one.history, localStorage.length]).toEqual(["none", 0]);
  });

  it("can be tried again where the server was away", async () => {
    routes.session = () => problem(503, "unavailable:widget");
    const one = chat();
    await one.resume();
    expect(one.history).toBe("failed");
    routes.session = () => Response.json({ sessionId: "sess_1", sessionToken: "tok_1", messages: stored });
    await one.resume();
    expect(one.messages.length).toBe(2);
  });

  it("goes with a reset", async () => {
    routes.session = () => Response.json({ sessionId: "sess_1", sessionToken: "tok_1", messages: stored });
    const one = chat();
    await one.resume();
    one.reset();
    expect([one.messages.length, localStorage.length]).toEqual([0, 0]);
  });

  it("shows no note, no empty answer and no role that it does not know", () => {
    const of = (part: object) => fromStored({ id: "1", role: "user", content: "x", ...part });
    expect([of({ role: "note" }), of({ role: "system" }), of({ role: "assistant", content: "" })]).toEqual([
      null,
      null,
      null,
    ]);
    expect(of({ role: "assistant", status: "failed" })).toMatchObject({ status: "error", failure: { retry: true } });
    expect(of({ role: "agent", author: { name: "Ana" } })).toMatchObject({ author: "Ana", status: "done" });
  });
});

describe("another tab", () => {
  it("shows what is said here, once", async () => {
    const [here, there] = [chat(), chat()];
    await here.send("Hi");
    await until(() => there.messages[1]?.status === "done");
    expect(shown(there)).toEqual(shown(here));
    here.reset();
    await until(() => there.messages.length === 0);
  });
});

it("keeps a draft over a reload", () => {
  chat().setDraft("Half a que");
  expect(chat().draft).toBe("Half a que");
});

describe("what the server tells of", () => {
  const stored = (id: string, role: string, content: string, more = {}) => ({ id, role, content, status: "complete", ...more });

  it("adds what others say, once", async () => {
    const one = chat();
    await one.send("Hi");
    expect(one.hear(stored("msg_0", "user", "Hi"))).toBe(false);
    expect(one.hear(stored("msg_1", "assistant", "Hello you."))).toBe(false);
    expect(one.hear(stored("msg_2", "agent", "I am here.", { author: "Grace" }))).toBe(true);
    expect(one.hear(stored("msg_2", "agent", "I am here.", { author: "Grace" }))).toBe(false);
    expect(one.hear(stored("msg_0", "user", "Hi"))).toBe(false);
    expect(shown(one).map(([role, , content]) => [role, content])).toEqual([
      ["user", "Hi"],
      ["assistant", "Hello you."],
      ["agent", "I am here."],
    ]);
    expect(events.at(-1)).toEqual(["message:received", { id: "msg_2", text: "I am here.", role: "agent" }]);
  });

  it("shows the same words again where they were said again elsewhere", async () => {
    const one = chat();
    await one.send("Hi");
    one.hear(stored("msg_0", "user", "Hi"));
    one.hear(stored("msg_7", "user", "Hi"));
    expect(one.messages.filter(({ role }) => role === "user").length).toBe(2);
  });

  it("says no more that a message was only delivered, once a person answers", async () => {
    routes.chat = () => Response.json({ status: "delivered" }, { status: 202 });
    const one = chat();
    await one.send("Hi");
    expect(shown(one)).toEqual([["user", "delivered", "Hi"]]);
    one.hear(stored("msg_2", "agent", "Yes?"));
    expect(shown(one)[0]![1]).toBe("sent");
  });

  it("does not take the answer that is being written for another", async () => {
    let go: () => void = () => {};
    routes.chat = async () => {
      await new Promise<void>((done) => (go = done));
      return stream(start, delta("Hello."), finish());
    };
    const one = chat();
    const sent = one.send("Hi");
    await until(() => calls.some(({ path }) => path === "chat"));
    one.hear(stored("msg_1", "assistant", "Hello."));
    go();
    await sent;
    expect(shown(one).filter(([role]) => role === "assistant")).toEqual([["assistant", "done", "Hello."]]);
  });

  it("catches up with what was said in between", async () => {
    const one = chat();
    await one.send("Hi");
    const messages = [
      stored("msg_0", "user", "Hi"),
      stored("msg_1", "assistant", "Hello you."),
      stored("msg_3", "agent", "And I?"),
    ];
    routes.session = () => Response.json({ sessionId: "sess_1", sessionToken: "tok_1", handler: "human", messages });
    await one.sync();
    expect(one.messages.map(({ content }) => content)).toEqual(["Hi", "Hello you.", "And I?"]);
    expect(one.latest?.handler).toBe("human");
  });

  it("takes files along, under their name where nothing else is said", async () => {
    const one = chat();
    const file = { id: "file_1", filename: "notes.txt", mimeType: "text/plain", bytes: 3, url: "/api/files/file_1" };
    await one.send("", [file]);
    expect(calls.at(-1)!.body).toEqual({ message: "notes.txt", attachments: ["file_1"] });
    expect(one.messages[0]!.attachments).toEqual([file]);
  });
});
