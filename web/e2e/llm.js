// A language model behind OpenAI's protocol, streamed, that answers by a script: what it is asked, it is told to say.
import { createServer } from "node:http";

/** `answer(messages)` gives `{ text }`, `{ tool, arguments }`, or a `{ status }` to fail with. */
export async function startModel(answer) {
  const server = createServer(async (request, response) => {
    if (request.method === "GET") {
      return response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ object: "list", data: [{ id: "scripted", object: "model" }] }));
    }
    let text = "";
    for await (const piece of request) text += piece;
    const { messages } = JSON.parse(text);
    const { status, text: content, tool, arguments: given } = answer(messages);
    if (status) return response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify({ error: { message: "Not today" } }));
    response.writeHead(200, { "content-type": "text/event-stream" });
    const say = (delta, finish_reason = null) =>
      response.write(`data: ${JSON.stringify({ id: "c1", object: "chat.completion.chunk", model: "scripted", choices: [{ index: 0, delta, finish_reason }] })}\n\n`);
    if (tool) {
      say({ role: "assistant", tool_calls: [{ index: 0, id: "call_1", type: "function", function: { name: tool, arguments: JSON.stringify(given) } }] });
      say({}, "tool_calls");
    } else {
      for (const piece of content.match(/\S+\s*/g) ?? []) say({ content: piece });
      say({}, "stop");
    }
    response.write(`data: ${JSON.stringify({ id: "c1", object: "chat.completion.chunk", model: "scripted", choices: [], usage: { prompt_tokens: 1200, completion_tokens: 60 } })}\n\n`);
    response.end("data: [DONE]\n\n");
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const stop = async () => {
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${server.address().port}/v1`, stop };
}
