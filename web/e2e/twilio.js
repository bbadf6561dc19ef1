// Twilio, as the executable meets it: the REST API that takes messages, and the signed webhooks that bring them. It keeps
// what a phone would have shown.
import { createHmac } from "node:crypto";
import { createServer } from "node:http";
import { until } from "./until.js";

export const SID = `AC${"0123456789abcdef".repeat(2)}`;
export const TOKEN = "a-twilio-auth-token-of-tests";
export const NUMBER = "+15551234567";

/** What Twilio puts into `X-Twilio-Signature`: an HMAC over the address and the sorted fields. */
export function sign(address, fields, token = TOKEN) {
  const text = Object.keys(fields)
    .sort()
    .reduce((all, name) => all + name + fields[name], address);
  return createHmac("sha1", token).update(text).digest("base64");
}

/** Calls a webhook as Twilio does; answers the status and the body. */
export async function callWebhook(address, fields, token = TOKEN) {
  const answer = await fetch(address, {
    method: "POST",
    headers: { "X-Twilio-Signature": sign(address, fields, token) },
    body: new URLSearchParams(fields),
  });
  return { status: answer.status, body: await answer.text() };
}

/**
 * Listens on a port that the system gives. `sent` is what came out, in its order; `heard` waits for one of it; `reported`
 * gives what the reports of deliveries were answered with.
 */
export async function startTwilio() {
  const sent = [];
  const waiting = new Set();
  const reports = [];
  let count = 0;
  const server = createServer(async (request, response) => {
    const say = (status, body) => response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    let text = "";
    for await (const piece of request) text += piece;
    const known = `Basic ${Buffer.from(`${SID}:${TOKEN}`).toString("base64")}`;
    if (request.headers.authorization !== known) return say(401, { code: 20003, message: "Authenticate", status: 401 });
    const { pathname, searchParams } = new URL(request.url, "http://x");
    if (request.method === "GET" && pathname === `/2010-04-01/Accounts/${SID}/IncomingPhoneNumbers.json`) {
      const capabilities = { sms: true, mms: true, voice: true, fax: false };
      const numbers = searchParams.get("PhoneNumber") === NUMBER ? [{ phone_number: NUMBER, capabilities }] : [];
      return say(200, { incoming_phone_numbers: numbers });
    }
    if (request.method !== "POST" || pathname !== `/2010-04-01/Accounts/${SID}/Messages.json`) return say(404, { code: 20404, message: "Not found", status: 404 });
    const message = Object.fromEntries(new URLSearchParams(text));
    const sid = `SM${String((count += 1)).padStart(32, "0")}`;
    sent.push({ ...message, sid });
    say(201, { sid, status: "queued" });
    for (const look of waiting) look();
    // The phone has it: Twilio says so where it was asked to.
    const fields = { MessageSid: sid, MessageStatus: "delivered", AccountSid: SID, To: message.To, From: message.From };
    reports.push(callWebhook(message.StatusCallback, fields).then(({ status }) => status));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const stop = async () => {
    server.closeAllConnections();
    server.close();
  };
  const heard = (found) => until(sent, waiting, found, () => `no such message was sent; what was: ${sent.map(({ Body }) => JSON.stringify(Body)).join(", ")}`);
  return { url: `http://127.0.0.1:${server.address().port}`, sent, heard, reported: () => Promise.all(reports), stop };
}

/** A phone: what is written on it reaches the webhook with a number of its own. */
export function newPhone(webhookUrl, number) {
  let count = 0;
  return (Body, MessageSid = `SM${number.slice(1)}${(count += 1)}`) =>
    callWebhook(webhookUrl, { MessageSid, AccountSid: SID, From: number, To: NUMBER, Body, NumMedia: "0" });
}
