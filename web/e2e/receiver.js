// A customer's server that takes webhooks: it keeps what was sent, word for word, and checks signatures as the Standard
// Webhooks convention says.
import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";
import { until } from "./until.js";

/** Listens on a port that the system gives. `received` grows; `until(found)` waits for a delivery. */
export async function receive() {
  const received = [];
  const waiting = new Set();
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString();
    received.push({ headers: request.headers, body, event: JSON.parse(body) });
    response.writeHead(204).end();
    for (const look of waiting) look();
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const kinds = () => received.map(({ event }) => event.event).join(", ");
  const heard = (found) => until(received, waiting, found, () => `it was not delivered; what came: ${kinds()}`);
  const stop = async () => {
    server.closeAllConnections();
    server.close();
  };
  return { host: `127.0.0.1:${server.address().port}`, received, until: heard, stop };
}

/** Whether one of the delivery's signatures is the secret's, over what was sent, and it was sent just now. */
export function isSigned({ headers, body }, secret, now = Date.now()) {
  const [id, timestamp] = [headers["webhook-id"], headers["webhook-timestamp"]];
  if (!id || Math.abs(now / 1000 - Number(timestamp)) > 300) return false;
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  const right = createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest();
  return String(headers["webhook-signature"])
    .split(" ")
    .filter((each) => each.startsWith("v1,"))
    .map((each) => Buffer.from(each.slice(3), "base64"))
    .some((each) => each.length === right.length && timingSafeEqual(each, right));
}
