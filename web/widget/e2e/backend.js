/**
 * A server that speaks the widget's part of the API, as far as a browser test needs it, and a second one, on another
 * port and so another origin, with pages that embed the widget. What an answer does follows from the question's words.
 */
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { extname, join } from "node:path";
const TYPES = {
  ".js": "text/javascript",
  ".html": "text/html",
  ".css": "text/css",
  ".json": "application/json",
};
export const ANSWER = `Yes: you can change your plan **at any time** [1]. It works like this:

1. Open **Settings**, then *Billing*.
2. Choose the plan and press \`Save\` [2].

| Plan | Price |
|---|--:|
| Team | 29 € |
| Business | 79 € |

\`\`\`sh
illumichat serve --listen 127.0.0.1:8080
\`\`\`

More in [the guide](https://docs.example.test/plans).`;
const SOURCES = [
  {
    index: 1,
    documentId: "doc_1",
    title: "Plans and billing",
    url: "https://docs.example.test/plans",
    page: null,
    snippet: "A plan can be changed at any time. The new price applies from the next day.",
    score: 0.9,
  },
  {
    index: 2,
    documentId: "doc_2",
    title: "Settings, from the first to the last page of a long handbook",
    url: null,
    page: 12,
    snippet: "Choose **Save** to keep what you changed.",
    score: 0.7,
  },
  {
    index: 3,
    documentId: "doc_3",
    title: "Unrelated",
    url: "https://docs.example.test/other",
    page: null,
    snippet: "Nothing of this.",
    score: 0.2,
  },
];
export const CONFIG = {
  assistantId: "ast_demo",
  name: "Acme Support",
  avatarUrl: null,
  welcomeMessage: "Hi! Ask me anything about Acme. I answer from our **guide** and show where it says so.",
  suggestedQuestions: ["How do I change my plan?", "Where do I find my invoices?", "Can I use it offline?"],
  theme: {
    primaryColor: "#4f46e5",
    colorScheme: "system",
    position: null,
    launcher: "bubble",
    radius: 18,
  },
  locale: null,
  strings: {},
  leadForm: { enabled: false, required: false, fields: [] },
  tickets: { enabled: false },
  handoff: { enabled: false, online: false },
  uploads: { enabled: false, maxBytes: null },
};
/** One grey pixel. */
const PIXEL = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNMTEz8DwAEOQH3nLnR4AAAAABJRU5ErkJggg==",
  "base64",
);
const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
export class Backend {
  config = structuredClone(CONFIG);
  requests = [];
  /** Status of the configuration's answer; 200 unless a test says otherwise. */
  configStatus = 200;
  /** By token: messages, how the conversation stands, what has happened, and who listens. */
  sessions = new Map();
  /** What `handoff` answers. */
  people = { online: true, opensAt: null, form: false, message: "A person has been asked to join. Someone is here and will answer soon." };
  /** Status of the answers to uploads; 201 unless a test says otherwise. */
  uploadStatus = 201;
  #limited = new Set();
  #next = 0;
  #api;
  #host;
  url = "";
  host = "";
  /** Pages of the host: path to headers and body. */
  pages = {};
  dist;
  constructor(dist) {
    this.dist = dist;
  }
  async start() {
    this.#api = createServer(
      (request, response) => void this.#answer(request, response).catch(() => response.destroy()),
    );
    this.#host = createServer((request, response) => {
      const page = this.pages[new URL(request.url, "http://x").pathname];
      response.writeHead(page ? 200 : 404, { "Content-Type": "text/html; charset=utf-8", ...page?.headers });
      response.end(page?.html ?? "");
    });
    this.url = await listen(this.#api, "127.0.0.1");
    this.host = (await listen(this.#host, "127.0.0.1")).replace("127.0.0.1", "localhost");
    return this;
  }
  stop() {
    for (const server of [this.#api, this.#host]) {
      server.closeAllConnections();
      server.close();
    }
  }
  id(prefix) {
    return `${prefix}_${String(++this.#next).padStart(20, "0")}`;
  }
  /** Something happens in a session's conversation; it has an id where it is written down. */
  tell(token, event, isKept = true) {
    const session = this.sessions.get(token);
    const kept = { id: isKept ? this.id("evt") : null, event };
    if (isKept) session.log.push(kept);
    for (const listener of session.listeners) listener(kept);
  }
  /** Somebody says something. */
  say(token, role, content, more = {}) {
    const message = this.message(role, content, more);
    this.sessions.get(token).messages.push(message);
    this.tell(token, { type: "message", message, unread: role === "agent" ? 1 : 0 });
    return message;
  }
  message(role, content, more = {}) {
    const createdAt = new Date().toISOString();
    const none = { author: null, sources: [], citations: [], attachments: [], feedback: null, status: "complete" };
    return { id: this.id("msg"), role, content, ...none, createdAt, ...more };
  }
  /** Ends the open streams of events, as a proxy does. */
  cut() {
    for (const session of this.sessions.values()) for (const listener of [...session.listeners]) listener(null);
  }
  #listen(request, response, session, cors) {
    response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-cache", ...cors });
    const write = (each) => {
      if (!each) return response.end();
      response.write(`${each.id ? `id: ${each.id}\n` : ""}data: ${JSON.stringify(each.event)}\n\n`);
    };
    response.write(": connected\n\n");
    write({ event: { type: "unread", count: session.unread } });
    const last = request.headers["last-event-id"];
    if (last) session.log.filter(({ id }) => id > last).forEach(write);
    session.listeners.add(write);
    response.on("close", () => session.listeners.delete(write));
  }
  async #answer(request, response) {
    const { pathname } = new URL(request.url, this.url);
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString();
    this.requests.push({ method: request.method, path: pathname, headers: request.headers, body });
    const cors = {
      "Access-Control-Allow-Origin": request.headers.origin ?? "*",
      "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
      "Access-Control-Allow-Headers": "Content-Type, Authorization, Last-Event-ID",
      "Access-Control-Expose-Headers": "X-Chat-Id, X-Request-Id, Retry-After",
      Vary: "Origin",
    };
    const json = (status, value, headers = {}) => {
      response.writeHead(status, { "Content-Type": "application/json", ...cors, ...headers });
      response.end(JSON.stringify(value));
    };
    if (request.method === "OPTIONS") return void response.writeHead(204, cors).end();
    const [, id, call] = /^\/api\/widget\/([^/]+)\/(.+)$/.exec(pathname) ?? [];
    if (pathname.startsWith("/api/files/")) return void response.writeHead(200, { "Content-Type": "image/png", ...cors }).end(PIXEL);
    if (!call) return this.#file(pathname, response);
    if (this.configStatus !== 200)
      return json(this.configStatus, { error: "There is no such widget.", code: "not_found:widget" });
    if (call === "config") return json(200, { ...this.config, assistantId: id }, { "Cache-Control": "no-cache" });
    const token = /^Widget (.+)$/.exec(request.headers.authorization ?? "")?.[1];
    if (call === "session") {
      const known = JSON.parse(body).sessionToken;
      if (known && !this.sessions.has(known))
        return json(401, { error: "The session has run out.", code: "unauthorized:widget" });
      const own = known ?? this.id("tok");
      if (!known)
        this.sessions.set(own, { messages: [], handler: null, status: null, agent: null, unread: 0, log: [], listeners: new Set() });
      const { messages, handler, status, agent, unread } = this.sessions.get(own);
      return json(known ? 200 : 201, {
        sessionId: `sess_${own}`,
        sessionToken: own,
        expiresAt: "2030-01-01T00:00:00.000Z",
        conversationId: messages.length ? "conv_1" : null,
        handler,
        status,
        agent,
        contact: null,
        unread,
        messages,
      });
    }
    if (call === "create" || id === "tickets") {
      const { subject, email, name } = JSON.parse(body);
      if (email === "wrong@example.test")
        return json(400, { error: "`email` is wrong.", code: "bad_request:widget", details: { email: "must be an email address" } });
      const ticket = { id: "tkt_1", number: 12, subject, status: "open", priority: "normal", createdAt: "2026-01-01T00:00:00.000Z" };
      return name && email
        ? json(201, { ticket })
        : json(400, { error: "`name` is required.", code: "bad_request:widget", details: { name: "is required" } });
    }
    const session = this.sessions.get(token ?? "");
    if (!session) return json(401, { error: "The session has run out.", code: "unauthorized:widget" });
    const { messages } = session;
    if (call === "feedback") {
      const { messageId, rating } = JSON.parse(body);
      const rated = messages.find((each) => each.id === messageId);
      if (messageId && !rated) return json(404, { error: "There is no such message.", code: "not_found:widget" });
      if (rated) rated.feedback = rating === "up" ? 5 : 1;
      return json(201, { status: "ok" });
    }
    if (call === "lead") return json(201, { leadId: "lead_1" });
    if (call === "typing" || call === "read") {
      if (call === "read") session.unread = 0;
      return void response.writeHead(204, cors).end();
    }
    if (call === "events") return this.#listen(request, response, session, cors);
    if (call === "handoff") {
      session.status = "pending";
      this.say(token, "assistant", this.people.message, { author: this.config.name });
      return json(202, this.people);
    }
    if (call === "uploads") {
      if (this.uploadStatus !== 201) return json(this.uploadStatus, { error: "No.", code: "bad_request:widget" });
      const filename = /filename="([^"]*)"/.exec(body)?.[1] ?? "file";
      const mimeType = /\.png$/.test(filename) ? "image/png" : "text/plain";
      const file = this.id("file");
      return json(201, { id: file, filename, mimeType, bytes: 2048, url: `/api/files/${file}` });
    }
    if (call !== "chat") return json(404, { error: "Not here.", code: "not_found:widget" });
    const { message: question, attachments = [] } = JSON.parse(body);
    if (question.includes("limit") && !this.#limited.has(question)) {
      this.#limited.add(question);
      return json(429, { error: "Too many messages.", code: "rate_limit:widget" }, { "Retry-After": "5" });
    }
    if (question.includes("refuse")) return json(500, { error: "Internal.", code: "internal:widget" });
    const files = attachments.map((file) => ({ id: file, filename: "notes.txt", mimeType: "text/plain", bytes: 2048, url: `/api/files/${file}` }));
    session.status = "open";
    this.say(token, "user", question, { attachments: files });
    if (question.includes("person") || session.handler === "human") return json(202, { status: "delivered" });
    const text = question.includes("long")
      ? Array.from({ length: 30 }, (_, n) => `Paragraph ${n + 1} of a long answer, which goes on for a while.`).join(
          "\n\n",
        )
      : ANSWER;
    const answered = !question.includes("unknown");
    const stored = this.message("assistant", answered ? text : "I did not find that.", { sources: answered ? SOURCES : [] });
    response.writeHead(200, {
      "Content-Type": "text/event-stream",
      "Cache-Control": "no-cache",
      "X-Accel-Buffering": "no",
      ...cors,
    });
    const send = (event) => void response.write(`data: ${JSON.stringify(event)}\n\n`);
    send({ type: "start", chatId: "chat_1", messageId: stored.id, model: "builtin/extractive" });
    if (question.includes("tool")) {
      send({ type: "tool-call", toolCallId: "1", toolName: "search", args: {} });
      await pause(1500);
      send({ type: "tool-result", toolCallId: "1", toolName: "search", result: {} });
    }
    if (question.includes("slow")) await pause(1200);
    send({ type: "sources", sources: SOURCES.slice(0, 2) });
    send({ type: "sources", sources: SOURCES.slice(2) });
    const pieces = stored.content.match(/[^]{1,12}/gu);
    for (const [at, piece] of pieces.entries()) {
      send({ type: "text-delta", textDelta: piece });
      if (question.includes("slow")) await pause(60);
      if (question.includes("drop") && at === 4) {
        // The server goes on by itself, and stores what it would have sent.
        messages.push(stored);
        await pause(200);
        response.destroy();
        return;
      }
      if (question.includes("break") && at === 4) {
        send({
          type: "finish",
          finishReason: "error",
          error: "The provider broke off.",
          code: "upstream:chat",
          messageId: stored.id,
        });
        response.end();
        return;
      }
    }
    send({ type: "citations", citations: [] });
    send({
      type: "finish",
      finishReason: question.includes("cut") ? "length" : "stop",
      chatId: "chat_1",
      messageId: stored.id,
      usage: { inputTokens: 1, outputTokens: 1 },
      answered,
    });
    messages.push(stored);
    this.tell(token, { type: "message", message: stored, unread: 0 });
    response.end();
  }
  async #file(pathname, response) {
    const file = pathname.startsWith("/chat/") ? "chat.html" : pathname.slice(1);
    const body = await readFile(join(this.dist, file)).catch(() => null);
    if (!body || file.includes("..")) return void response.writeHead(404).end();
    response.writeHead(200, {
      "Content-Type": TYPES[extname(file)] ?? "application/octet-stream",
      "Access-Control-Allow-Origin": "*",
      "Cross-Origin-Resource-Policy": "cross-origin",
      "X-Content-Type-Options": "nosniff",
      "Cache-Control": file.startsWith("widget/") ? "public, max-age=31536000, immutable" : "public, max-age=300",
      ...(file === "chat.html" && {
        "Content-Security-Policy":
          "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self' data:; require-trusted-types-for 'script'; trusted-types 'none'",
      }),
    });
    response.end(body);
  }
}
async function listen(server, address) {
  await new Promise((done) => server.listen(0, address, done));
  return `http://${address}:${server.address().port}`;
}
