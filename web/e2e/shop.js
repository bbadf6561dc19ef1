// A lamp shop in the middle of a working day: documents, an assistant, customers, conversations and tickets, as pictures
// show them.
import { createServer } from "node:http";
import { newVisitor } from "./visitor.js";

const DOCUMENTS = {
  "Returns and refunds": `# Returns and refunds

## How long

You can return any lamp within 45 days of delivery, as long as it is complete and undamaged. Bulbs can be returned only in their sealed box.

## Who pays

We pay the postage for returns within Europe. Outside Europe the customer pays it.

## When the money comes back

We refund within five working days after the parcel has reached us, to the card or account that was charged.
`,
  "Delivery": `# Delivery

## Times

Lamps in stock leave our workshop within one working day. Delivery takes two days in Germany and Austria, and three to five days in the rest of Europe.

## Costs

Delivery is free from 80 euros. Below that it costs 4.90 euros.

## Tracking

You get a tracking link by email as soon as the parcel is on its way.
`,
  "Care and bulbs": `# Care and bulbs

## Which bulb

All table lamps take an E27 bulb of at most 60 watts. Floor lamps take an E27 bulb of at most 100 watts. LED bulbs of any brand fit.

## Dimming

Every lamp of the Arc series can be dimmed with a dimmable LED bulb and our wall dimmer D2.

## Cleaning

Wipe the shade with a dry cloth. Brass gets its patina with time; a drop of lemon oil keeps it bright.
`,
  "Warranty": `# Warranty

Every lamp has a warranty of five years on its frame and its wiring. A broken cable is replaced free of charge: write to us with your order number and a photo.
`,
};

const TICKETS = [
  ["Cable of the Arc 40 has a loose contact", "high", "in_progress", "Grace Hopper", ["warranty"]],
  ["Parcel says delivered, nothing arrived", "critical", "open", "Alan Turing", ["delivery"]],
  ["Wrong colour: brass instead of black", "normal", "waiting_on_customer", "Katherine Johnson", ["returns"]],
  ["Invoice with our VAT number", "low", "open", "Tim Berners", ["billing"]],
  ["Twelve floor lamps for a hotel lobby", "high", "new", "Annie Easley", ["wholesale"]],
  ["Dimmer D2 hums at low light", "normal", "in_progress", "Radia Perlman", ["warranty"]],
  ["Refund for the second bulb box", "normal", "resolved", "Barbara Liskov", ["returns", "billing"]],
  ["Spare shade for the Dome table lamp", "low", "new", "Edith Clarke", []],
  ["Can you engrave the base?", "low", "waiting_on_customer", "Joan Clarke", ["wholesale"]],
  ["Delivery to Norway", "normal", "resolved", "Lars Amundsen", ["delivery"]],
];

/** Fills an empty server through its API; the page must be the owner's. */
export async function openShop(server, page) {
  await page.goto(server.setUpUrl);
  await page.getByLabel("Your name").fill("Mara Lindqvist");
  await page.getByLabel("Email").fill("mara@northlight.example");
  await page.getByLabel("Password", { exact: true }).fill("a lamp in the dark");
  await page.getByLabel("Workspace name").fill("Northlight Lamps");
  await page.getByRole("button", { name: "Create workspace" }).click();
  await page.getByRole("heading", { name: "Hello, Mara" }).waitFor();
  const call = async (method, path, data) => {
    const answer = await page.request.fetch(path, { method, headers: { Origin: server.url }, ...(data ? { data } : {}) });
    if (!answer.ok()) throw new Error(`${method} ${path} answers ${answer.status()}: ${await answer.text()}`);
    return answer.status() === 204 ? null : answer.json();
  };
  const ws = (await call("GET", "/api/workspaces")).data[0].id;
  const api = (method, path, data) => call(method, `/api/workspaces/${ws}${path}`, data);
  const me = (await call("GET", "/api/auth/session")).user.id;

  const project = await api("POST", "/projects", { name: "Help centre", description: "What customers ask before and after they buy" });
  for (const [title, text] of Object.entries(DOCUMENTS)) await api("POST", `/projects/${project.id}/documents`, { title, text });
  for (let ready = false; !ready; ) {
    const { data } = await api("GET", `/projects/${project.id}/documents`);
    ready = data.length === 4 && data.every(({ status }) => status === "completed");
    if (!ready) await new Promise((resolve) => setTimeout(resolve, 200));
  }
  const assistant = await api("POST", "/assistants", {
    name: "Lumi",
    visibility: "public",
    welcomeMessage: "Hello! Ask me about our lamps, delivery and returns.",
    suggestedQuestions: ["How long can I return a lamp?", "What does delivery cost?", "Which bulb fits?"],
  });
  await api("PATCH", `/assistants/${assistant.id}`, {
    widgetEnabled: true,
    widget: { tickets: { enabled: true }, leadForm: { enabled: true } },
    handoff: { enabled: true },
  });
  await api("POST", `/assistants/${assistant.id}/projects`, { projectId: project.id });

  const contacts = {};
  for (const [at, [, , , name]] of TICKETS.entries()) {
    const [first, last] = name.toLowerCase().split(" ");
    contacts[name] = await api("POST", "/contacts", { name, email: `${first}.${last}@example.com`, ...(at % 3 ? {} : { company: ["Harbour Hotel", "Studio Nord", "Café Linden", "Atelier 9"][at / 3] }) });
  }
  for (const [subject, priority, status, name, tags] of TICKETS) {
    const ticket = await api("POST", "/tickets", { subject, priority, contactId: contacts[name].id, tags, ...(priority === "low" ? {} : { assigneeId: me }) });
    if (status !== "new") await api("PATCH", `/tickets/${ticket.id}`, { status });
  }
  const visitor = (page = "https://northlight.example/lamps") => newVisitor({ url: server.url, assistantId: assistant.id, widgetPageUrl: page });
  return { api, assistantId: assistant.id, projectId: project.id, visitor, contacts, me };
}

/** The shop's own page, on an origin of its own, with the chat on it. */
export async function serveShop({ url }, assistantId) {
  const lamp = (hue, name, price) => `<li><div class="lamp" style="--hue:${hue}"></div><b>${name}</b><span>${price}</span></li>`;
  const html = `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Northlight Lamps</title><style>
body{margin:0;font:16px/1.5 system-ui,sans-serif;color:#2b2621;background:#faf7f2}
header{display:flex;gap:2rem;align-items:baseline;padding:1.25rem 3rem;border-bottom:1px solid #e6dfd4}
header b{font:600 1.4rem Georgia,serif;margin-inline-end:auto}
main{padding:2.5rem 3rem}h1{font:400 2.6rem/1.15 Georgia,serif;max-width:16em;margin:0 0 .6rem}p{max-width:34em;margin:0 0 2rem;color:#6b6257}
ul{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:1.25rem;list-style:none;margin:0;padding:0;max-width:46rem}
li{display:flex;flex-wrap:wrap;justify-content:space-between}li span{color:#6b6257}
.lamp{width:100%;height:190px;margin-bottom:.6rem;border-radius:10px;background:radial-gradient(circle at 50% 38%,hsl(var(--hue) 90% 92%) 0 14%,hsl(var(--hue) 55% 78%) 34%,hsl(var(--hue) 22% 34%) 100%)}
</style><header><b>Northlight</b><span>Lamps</span><span>Workshop</span><span>Help</span></header><main><h1>Light for long evenings</h1>
<p>Table and floor lamps, turned and wired by hand in our workshop. Five years of warranty, forty-five days to change your mind.</p>
<ul>${lamp(38, "Arc 40", "€189")}${lamp(24, "Dome", "€129")}${lamp(52, "Reed", "€249")}${lamp(14, "Ember", "€99")}${lamp(44, "Arc 60", "€239")}${lamp(30, "Hearth", "€159")}</ul></main>
<script src="${url}/widget.js" data-assistant-id="${assistantId}" async></script></html>`;
  const server = createServer((_, response) => response.writeHead(200, { "content-type": "text/html" }).end(html));
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const stop = async () => {
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://localhost:${server.address().port}/`, stop };
}
