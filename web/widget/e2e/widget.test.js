// What a visitor's browser does with the widget, on pages that do their best to be in its way.
import assert from "node:assert/strict";
import { join } from "node:path";
import { violations } from "../../e2e/browser.js";

const PHONE = { viewport: { width: 390, height: 700 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 };

export default async function ({ test, screenshots }) {
  /** A page of the host, with the widget's script tag, and what went wrong there. */
  async function visit(
    { backend, open },
    { options = {}, attributes = "", headers = {}, html = {}, body = "", path = "/", tags = 1 } = {},
  ) {
    const { lang = "en", dir = "ltr", head = "" } = html;
    const tag = `<script src="${backend.url}/widget.js" data-assistant-id="ast_demo" ${attributes} async></script>`;
    backend.pages[path] = {
      headers,
      html: `<!doctype html><html lang="${lang}" dir="${dir}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Acme</title>${head}</head><body><main><h1>Acme Coffee</h1><p>Fresh beans.</p>${body}</main>${tag.repeat(tags)}</body></html>`,
    };
    const context = await open(options);
    const page = await context.newPage();
    const problems = [];
    page.on("pageerror", (error) => problems.push(error.message));
    page.on("console", (message) => {
      if (
        message.type() === "error" &&
        !/favicon|ERR_INTERNET_DISCONNECTED/.test(message.text() + message.location().url)
      )
        problems.push(message.text());
    });
    page.on("request", (request) => {
      const { origin } = new URL(request.url());
      if (![backend.url, backend.host].includes(origin) && !request.url().startsWith("data:"))
        problems.push(`foreign request: ${request.url()}`);
    });
    await page.goto(backend.host + path);
    return {
      page,
      context,
      problems,
      launcher: page.locator("button.l"),
      panel: page.locator(".panel"),
      field: page.getByRole("textbox", { name: /./ }),
    };
  }
  const opened = async ({ page, launcher, panel }) => {
    await launcher.click();
    await panel.waitFor();
    await page.locator("textarea").waitFor();
  };
  const ask = async ({ page }, text) => {
    await page.locator("textarea").fill(text);
    await page.locator("textarea").press("Enter");
  };
  const answered = async ({ page }, count = 1) => {
    await page
      .locator(".assistant.done")
      .nth(count - 1)
      .waitFor();
  };
  /** A text that can be seen: what is said to screen readers stands in the page a second time. */
  const shown = (page, text) => page.locator(".scroll, .foot").getByText(text);
  const picture = async (page, name) => {
    if (!screenshots) return;
    await page.waitForTimeout(400);
    await page.screenshot({ path: join(screenshots, `${name}.png`) });
  };
  const accessible = async (page, label) => {
    // What is fading in has no colour yet that could be judged.
    await page.waitForTimeout(350);
    assert.deepEqual(await violations(page), [], label);
  };

  await test("a visitor asks and reads the answer with its sources", async (world) => {
    const visitor = await visit(world);
    const { page, problems } = visitor;
    await opened(visitor);
    assert.equal(await page.evaluate(() => document.activeElement.shadowRoot.activeElement.localName), "textarea");
    await picture(page, "welcome");
    await ask(visitor, "How do I change my plan?");
    await page.locator(".user .bubble").waitFor();
    await answered(visitor);
    assert.equal(await page.locator(".assistant strong").first().textContent(), "at any time");
    assert.deepEqual(await page.locator(".sources .number").allTextContents(), ["1", "2"]);
    await page.getByRole("button", { name: "Source 1: Plans and billing" }).first().click();
    const link = page.locator(".detail a");
    assert.equal(await link.getAttribute("href"), "https://docs.example.test/plans");
    assert.equal(await link.getAttribute("rel"), "noopener noreferrer nofollow");
    await picture(page, "answer");
    assert.equal(await page.evaluate(() => document.cookie), "");
    assert.deepEqual(await page.evaluate(() => Object.keys(window).filter((key) => /illumi|svelte|__/i.test(key))), [
      "IllumiChat",
    ]);
    assert.deepEqual(problems, []);
  });

  await test("a suggested question is asked with one press", async (world) => {
    const visitor = await visit(world);
    await opened(visitor);
    await visitor.page.getByRole("button", { name: "Can I use it offline?" }).click();
    await answered(visitor);
    assert.equal(await visitor.page.locator(".questions").count(), 0);
  });

  await test("nothing is stored and nothing but the widget asked for before it is opened", async (world) => {
    const { page, launcher } = await visit(world);
    await launcher.waitFor();
    await page.waitForTimeout(800);
    assert.equal(await page.evaluate(() => localStorage.length + sessionStorage.length), 0);
    const paths = world.backend.requests.map(({ method, path }) => `${method} ${path.replace(/-[\w-]{8}\.js/, ".js")}`);
    assert.deepEqual(paths, ["GET /widget.js", "GET /api/widget/ast_demo/config", "GET /widget/panel.js"]);
  });

  const csp = (world) =>
    `default-src 'none'; script-src ${world.backend.url}; connect-src ${world.backend.url}; style-src 'none'; base-uri 'none'; form-action 'none'`;
  for (const [name, more] of [
    ["a strict policy", ""],
    ["Trusted Types", "; require-trusted-types-for 'script'; trusted-types 'none'"],
  ]) {
    await test(`works under ${name}`, async (world) => {
      const visitor = await visit(world, { headers: { "Content-Security-Policy": csp(world) + more } });
      await opened(visitor);
      await ask(visitor, "How?");
      await answered(visitor);
      const { width } = await visitor.panel.boundingBox();
      assert.equal(Math.round(width), 408);
      assert.deepEqual(visitor.problems, []);
    });
  }

  await test("a page's own style does not reach in", async (world) => {
    const head = `<style>html{font-size:62.5%}*{font-family:cursive!important;letter-spacing:3px!important;line-height:3!important;color:lime!important}div{position:static!important;display:block!important;transform:rotate(3deg)!important}button{border-radius:0!important;background:red!important;width:300px!important}textarea{display:none!important}</style>`;
    const visitor = await visit(world, { html: { head } });
    await opened(visitor);
    await ask(visitor, "How?");
    await answered(visitor);
    await picture(visitor.page, "hostile-style");
    const seen = await visitor.page.evaluate(() => {
      const root = document.querySelector("body > div").shadowRoot;
      const of = (selector) => getComputedStyle(root.querySelector(selector));
      return [
        of(".l").width,
        of(".panel").fontSize,
        of(".bubble").letterSpacing,
        of(".send").width,
        of("textarea").fontSize,
      ];
    });
    assert.deepEqual(seen, ["26px", "15px", "normal", "36px", "16px"]);
    const { x, width } = await visitor.panel.boundingBox();
    assert.equal(x + width, 1260);
  });

  await test("right to left, in Arabic", async (world) => {
    const visitor = await visit(world, { html: { lang: "ar", dir: "rtl" }, options: { bypassCSP: true } });
    await opened(visitor);
    await visitor.page.getByPlaceholder("اطرح سؤالاً…").waitFor();
    const { x } = await visitor.panel.boundingBox();
    assert.equal(x, 20);
    await ask(visitor, "كيف أغيّر خطتي؟");
    await answered(visitor);
    await picture(visitor.page, "arabic");
    await accessible(visitor.page, "arabic");
  });

  for (const [name, setting] of Object.entries({
    light: {},
    dark: { colorScheme: "dark" },
    "a phone": PHONE,
    "a dark phone": { ...PHONE, colorScheme: "dark" },
    "forced colours": { forcedColors: "active" },
    "reduced motion": { reducedMotion: "reduce" },
  })) {
    await test(`no accessibility violations: ${name}`, async (world) => {
      const visitor = await visit(world, { options: { bypassCSP: true, ...setting } });
      const { page } = visitor;
      await visitor.launcher.waitFor();
      await accessible(page, "closed");
      await opened(visitor);
      await accessible(page, "welcome");
      await picture(page, `${name.replaceAll(" ", "-")}-welcome`);
      await ask(visitor, "Please be long and slow");
      await page.locator(".typing").waitFor();
      await accessible(page, "waiting");
      await page.locator(".assistant.streaming").waitFor();
      await picture(page, `${name.replaceAll(" ", "-")}-streaming`);
      await page.getByRole("button", { name: "Stop the answer" }).click();
      await shown(page, "You stopped this answer.").waitFor();
      await accessible(page, "stopped");
      await ask(visitor, "How?");
      await answered(visitor);
      await page.locator(".cite").first().click();
      await accessible(page, "answer");
      await picture(page, `${name.replaceAll(" ", "-")}-answer`);
      await ask(visitor, "Please refuse");
      await page.getByRole("alert").waitFor();
      await accessible(page, "failed");
      await picture(page, `${name.replaceAll(" ", "-")}-failed`);
    });
  }

  await test("colours that nobody should choose can still be read", async (world) => {
    for (const colour of ["#ffff00", "#00ff00", "#808080", "#ff0000"]) {
      world.backend.config.theme.primaryColor = colour;
      for (const colorScheme of ["light", "dark"]) {
        const visitor = await visit(world, { options: { bypassCSP: true, colorScheme } });
        await opened(visitor);
        await ask(visitor, "How?");
        await answered(visitor);
        await accessible(visitor.page, `${colour} ${colorScheme}`);
        await visitor.context.close();
      }
    }
  });

  await test("with the keyboard alone", async (world) => {
    const visitor = await visit(world);
    const { page, launcher, panel } = visitor;
    const focused = () =>
      page.evaluate(
        () => document.activeElement.shadowRoot?.activeElement?.className ?? document.activeElement.localName,
      );
    await launcher.waitFor();
    await page.keyboard.press("Tab");
    assert.equal(await focused(), "l");
    assert.equal(await launcher.getAttribute("aria-expanded"), "false");
    await page.keyboard.press("Enter");
    await panel.waitFor();
    assert.equal(await launcher.getAttribute("aria-expanded"), "true");
    await page.keyboard.type("One line");
    await page.keyboard.press("Shift+Enter");
    await page.keyboard.type("two lines");
    await page.keyboard.press("Enter");
    await answered(visitor);
    assert.equal(await page.locator(".bubble").textContent(), "One line\ntwo lines");
    await page.keyboard.press("Escape");
    await panel.waitFor({ state: "hidden" });
    assert.equal(await focused(), "l");
  });

  await test("Enter takes an input method's proposal, and does not send", async (world) => {
    const visitor = await visit(world);
    await opened(visitor);
    await visitor.page.locator("textarea").fill("にほん");
    await visitor.page.locator("textarea").dispatchEvent("keydown", { key: "Enter", isComposing: true });
    assert.equal(await visitor.page.locator(".bubble").count(), 0);
  });

  await test("the page's shortcuts do not hear what is typed", async (world) => {
    const visitor = await visit(world);
    await visitor.page.evaluate(() => {
      window.heard = 0;
      document.addEventListener("keydown", () => window.heard++);
    });
    await opened(visitor);
    await visitor.page.keyboard.type("abc");
    assert.equal(await visitor.page.evaluate(() => window.heard), 0);
  });

  await test("a screen reader is told sentences, not pieces", async (world) => {
    const visitor = await visit(world);
    const { page } = visitor;
    await opened(visitor);
    const log = page.getByRole("log");
    assert.equal(await log.getAttribute("aria-live"), "off");
    await ask(visitor, "Please be slow");
    await answered(visitor);
    const told = await page.locator(".panel > .hidden[aria-live=polite] p").allTextContents();
    assert.equal(told[0], "Acme Support is writing…");
    assert.ok(told.length > 2 && told.length < 14, String(told.length));
    assert.match(told.join(" "), /Yes: you can change your plan at any time\. It works like this:/);
    assert.ok(told.every((line) => line.length > 3));
  });

  await test("full screen on a phone, modal, and the page behind it still", async (world) => {
    const visitor = await visit(world, { options: PHONE, body: `<div style="height:3000px"></div>` });
    const { page, panel, launcher } = visitor;
    await opened(visitor);
    await page.waitForTimeout(300);
    assert.deepEqual(await panel.boundingBox(), { x: 0, y: 0, width: 390, height: 700 });
    assert.equal(await page.evaluate(() => getComputedStyle(document.documentElement).overflow), "hidden");
    assert.equal(
      await page.evaluate(() =>
        document.querySelector("body > div").shadowRoot.querySelector("dialog").matches(":modal"),
      ),
      true,
    );
    assert.equal(await page.evaluate(() => document.activeElement.shadowRoot.activeElement.id), "title");
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
    await page.getByRole("button", { name: "Close chat" }).last().click();
    await panel.waitFor({ state: "hidden" });
    assert.equal(await page.evaluate(() => getComputedStyle(document.documentElement).overflow), "visible");
    await launcher.waitFor();
  });

  await test("a second script tag changes nothing", async (world) => {
    const visitor = await visit(world, { tags: 2 });
    await visitor.launcher.waitFor();
    await visitor.page.waitForTimeout(400);
    assert.equal(await visitor.launcher.count(), 1);
    assert.equal(world.backend.requests.filter(({ path }) => path.endsWith("/config")).length, 1);
  });

  await test("a page's own navigation takes it along, or away and back", async (world) => {
    const visitor = await visit(world);
    const { page, panel, launcher } = visitor;
    await opened(visitor);
    await ask(visitor, "How?");
    await answered(visitor);
    await page.evaluate(() => {
      const body = document.createElement("body");
      body.append("The next page");
      document.documentElement.replaceChild(body, document.body);
    });
    await page.getByText("at any time").first().waitFor();
    await page.evaluate(() => document.body.replaceChildren());
    await page.getByText("at any time").first().waitFor();
    await page.evaluate(() => window.IllumiChat.destroyInstance());
    assert.equal(await page.locator("body > div").count(), 0);
    assert.equal(await page.evaluate(() => window.IllumiChat.getInstance()), null);
    await page.evaluate(async () => {
      const widget = new window.IllumiChat.Widget({ assistantId: "ast_demo" });
      await widget.initialize();
    });
    await launcher.click();
    await panel.waitFor();
    await page.getByText("at any time").first().waitFor();
    assert.deepEqual(visitor.problems, []);
  });

  await test("a long answer lets the reader scroll up in peace", async (world) => {
    const visitor = await visit(world);
    const { page } = visitor;
    await opened(visitor);
    await ask(visitor, "Something long and slow");
    await shown(page, "Paragraph 8 of").waitFor();
    const rest = () =>
      page.evaluate(() => {
        const log = document.querySelector("body > div").shadowRoot.querySelector(".scroll");
        return log.scrollHeight - log.scrollTop - log.clientHeight;
      });
    assert.ok((await rest()) < 60);
    await page.mouse.move(1000, 400);
    await page.mouse.wheel(0, -300);
    const pill = page.getByRole("button", { name: "New messages" });
    await pill.waitFor();
    const before = await page.evaluate(
      () => document.querySelector("body > div").shadowRoot.querySelector(".scroll").scrollTop,
    );
    await page.waitForTimeout(500);
    assert.equal(
      await page.evaluate(() => document.querySelector("body > div").shadowRoot.querySelector(".scroll").scrollTop),
      before,
    );
    await picture(page, "new-messages");
    await pill.click();
    await page.waitForTimeout(700);
    assert.ok((await rest()) < 60);
  });

  await test("a broken line brings the stored answer", async (world) => {
    const visitor = await visit(world);
    await opened(visitor);
    await ask(visitor, "Please drop it");
    await shown(visitor.page, "Reconnecting").waitFor();
    await picture(visitor.page, "reconnecting");
    await answered(visitor);
    assert.equal(await visitor.page.locator(".assistant strong").first().textContent(), "at any time");
  });

  await test("too many messages: when to go on, and the text is kept", async (world) => {
    const visitor = await visit(world);
    const { page } = visitor;
    await opened(visitor);
    await ask(visitor, "Over the limit");
    await page.getByRole("alert").filter({ hasText: /You can go on in \d seconds?\./ }).waitFor();
    await picture(page, "rate-limit");
    const again = page.getByRole("button", { name: "Try again" });
    assert.ok(await again.isDisabled());
    assert.equal(await page.locator(".bubble").textContent(), "Over the limit");
    await again.click();
    await answered(visitor);
  });

  await test("an answer that breaks keeps what there was, and can be asked for again", async (world) => {
    const visitor = await visit(world);
    await opened(visitor);
    await ask(visitor, "Please break");
    await visitor.page.getByRole("alert").waitFor();
    assert.match(await visitor.page.locator(".assistant.error").textContent(), /Yes: you can/);
    await visitor.page.getByRole("button", { name: "Try again" }).click();
    await visitor.page.getByRole("alert").waitFor();
  });

  await test("a reload, and another tab, show the same conversation", async (world) => {
    const visitor = await visit(world);
    const { page, context } = visitor;
    await opened(visitor);
    await ask(visitor, "How?");
    await answered(visitor);
    await page.locator("textarea").fill("Half a ques");
    await page.reload();
    await page.getByText("at any time").first().waitFor();
    assert.equal(await page.locator("textarea").inputValue(), "Half a ques");
    assert.equal(await page.locator(".bubble").textContent(), "How?");
    const other = await context.newPage();
    await other.goto(page.url());
    await other.locator("button.l").click();
    await other.getByText("at any time").first().waitFor();
    await ask(visitor, "Please be slow");
    await other.locator(".assistant.streaming").waitFor();
    await other.locator(".assistant.done").nth(1).waitFor();
    assert.deepEqual(await other.locator(".bubble").allTextContents(), ["How?", "Please be slow"]);
    await page.getByRole("button", { name: "New conversation" }).click();
    await other.getByRole("button", { name: "Can I use it offline?" }).waitFor();
    assert.equal(await page.evaluate(() => localStorage.length), 0);
  });

  await test("what is written offline goes out when the line is back", async (world) => {
    const visitor = await visit(world);
    const { page, context } = visitor;
    await opened(visitor);
    await page.waitForTimeout(300);
    await context.setOffline(true);
    await shown(page, "You are offline.").waitFor();
    await ask(visitor, "How?");
    await shown(page, "Waiting to be sent").waitFor();
    await picture(page, "offline");
    await context.setOffline(false);
    await answered(visitor);
    assert.equal(await shown(page, "You are offline.").count(), 0);
  });

  await test("what comes while it is closed is counted on the button", async (world) => {
    const visitor = await visit(world);
    const { page, launcher } = visitor;
    await opened(visitor);
    await ask(visitor, "Please be slow");
    await page.locator(".assistant.streaming").waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Open chat, 1 unread" }).waitFor();
    assert.equal(await launcher.locator("i").textContent(), "1");
    await launcher.click();
    await answered(visitor);
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Open chat", exact: true }).waitFor();
  });

  await test("fills a container, and a page of its own", async (world) => {
    const visitor = await visit(world, {
      attributes: `data-container="#chat"`,
      body: `<div id="chat" style="height:500px"></div>`,
      options: { bypassCSP: true },
    });
    await visitor.page.locator(".panel.inline textarea").waitFor();
    assert.equal(await visitor.launcher.count(), 0);
    assert.equal((await visitor.panel.boundingBox()).height, 500);
    await ask(visitor, "How?");
    await answered(visitor);
    await accessible(visitor.page, "container");

    const page = await visitor.context.newPage();
    await page.goto(`${world.backend.url}/chat/ast_demo?theme=dark&locale=de`);
    await page.getByPlaceholder("Stellen Sie eine Frage…").waitFor();
    assert.equal(await page.title(), "Acme Support");
    await ask({ page }, "Wie?");
    await answered({ page });
    await picture(page, "full-page");
    await accessible(page, "full page");
  });

  await test("code can be copied, and a person's part is only delivered", async (world) => {
    const visitor = await visit(world);
    const { page, context } = visitor;
    await context.grantPermissions(["clipboard-read", "clipboard-write"]);
    await opened(visitor);
    await ask(visitor, "How?");
    await answered(visitor);
    await page.locator(".md-code button").click();
    await page.locator(".md-code button").getByText("Copied").waitFor();
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), "illumichat serve --listen 127.0.0.1:8080");
    await ask(visitor, "A person, please");
    await shown(page, "Delivered. Somebody will answer here.").waitFor();
  });

  const FULL = {
    leadForm: { enabled: true, required: false, fields: [] },
    tickets: { enabled: true },
    handoff: { enabled: true, online: true },
    uploads: { enabled: true, maxBytes: 4096 },
  };
  const full = (world, more = {}) => Object.assign(world.backend.config, FULL, more);
  const token = (world) => [...world.backend.sessions.keys()].at(-1);
  /** The bodies of the requests to an address. */
  const sent = (world, call) =>
    world.backend.requests
      .filter(({ method, path }) => method === "POST" && path.endsWith(`/${call}`))
      .map(({ body }) => JSON.parse(body || "{}"));
  const choose = async (page, name) => {
    await page.getByRole("button", { name: "More options" }).click();
    await page.getByRole("button", { name }).click();
  };
  /** Somebody on the other side who listens, once the page does. */
  const listened = async (world) => {
    const session = () => world.backend.sessions.get(token(world));
    for (let turn = 0; turn < 200 && !session()?.listeners.size; turn++)
      await new Promise((done) => setTimeout(done, 25));
    assert.ok(session().listeners.size, "nobody listens");
    return token(world);
  };

  await test("an answer is rated, with a comment, and rated anew", async (world) => {
    const visitor = await visit(world, { options: { bypassCSP: true } });
    const { page } = visitor;
    await opened(visitor);
    await ask(visitor, "How?");
    await answered(visitor);
    await page.getByRole("button", { name: "Bad answer" }).click();
    await page.getByRole("textbox", { name: "Tell us more (optional)" }).fill("Too long");
    await accessible(page, "comment");
    await picture(page, "comment");
    await page.locator(".comment").getByRole("button", { name: "Send" }).click();
    await shown(page, "Thank you for your feedback.").waitFor();
    await page.getByRole("button", { name: "Good answer" }).click();
    await page.locator('button[aria-pressed="true"][aria-label="Good answer"]').waitFor();
    assert.equal(await page.locator('button[aria-pressed="true"]').count(), 1);
    const [first, second, third] = sent(world, "feedback");
    assert.equal(first.rating, "down");
    assert.deepEqual(second, { messageId: first.messageId, rating: "down", comment: "Too long" });
    assert.deepEqual(third, { messageId: first.messageId, rating: "up" });
    await page.reload();
    await page.locator('button[aria-pressed="true"][aria-label="Good answer"]').waitFor();
  });

  await test("a form stands before the chat where it has to", async (world) => {
    full(world, { leadForm: { enabled: true, required: true, fields: ["name", "email", "phone", "Order number"] } });
    const visitor = await visit(world, { options: { bypassCSP: true } });
    const { page, launcher } = visitor;
    await launcher.click();
    const form = page.getByRole("form", { name: "Before we start" });
    await form.waitFor();
    await accessible(page, "gate");
    await picture(page, "lead-gate");
    assert.equal(await page.locator(".composer").isVisible(), false);
    await page.evaluate(() => void window.IllumiChat.getInstance().sendMessage("From the page"));
    await page.evaluate(() => {
      window.leads = [];
      window.IllumiChat.getInstance().on("lead", (lead) => window.leads.push(lead));
    });
    await form.getByRole("button", { name: "Start the chat" }).click();
    await form.getByText("Fill in this field.").waitFor();
    await form.getByText("Enter an email address or a phone number.").waitFor();
    await accessible(page, "gate, wrong");
    await form.getByLabel("Name").fill("Ada");
    await form.getByLabel("Email").fill("ada@");
    await form.getByRole("button", { name: "Start the chat" }).click();
    await form.getByText("Check what you entered here.").waitFor();
    await form.getByLabel("Email").fill("ada@example.test");
    await form.getByLabel("Order number").fill("A-1");
    await form.getByRole("button", { name: "Start the chat" }).click();
    // What the page has asked meanwhile goes out now.
    await answered(visitor);
    assert.equal(await page.locator(".bubble").textContent(), "From the page");
    assert.deepEqual(sent(world, "lead"), [{ name: "Ada", email: "ada@example.test", fields: { "Order number": "A-1" } }]);
    assert.deepEqual(await page.evaluate(() => window.leads), [{ leadId: "lead_1" }]);
    await page.reload();
    await page.getByText("at any time").first().waitFor();
    assert.equal(await page.locator(".sheet").count(), 0);
  });

  await test("a ticket is opened, and what the server finds wrong stands beside its field", async (world) => {
    full(world, { strings: { ticketIntro: "Tell us everything." } });
    const visitor = await visit(world, { options: { bypassCSP: true } });
    const { page } = visitor;
    await opened(visitor);
    await choose(page, "Open a ticket");
    const form = page.getByRole("form", { name: "Open a ticket" });
    await form.getByText("Tell us everything.").waitFor();
    await page.keyboard.type("The lamp is broken");
    await form.getByLabel("Description").fill("It flickers.");
    await form.getByLabel("Name").fill("Ada");
    await form.getByLabel("Email").fill("wrong@example.test");
    await accessible(page, "ticket");
    await picture(page, "ticket");
    await form.getByRole("button", { name: "Open a ticket" }).click();
    await form.getByText("Check what you entered here.").waitFor();
    await form.getByLabel("Email").fill("ada@example.test");
    await form.getByRole("button", { name: "Open a ticket" }).click();
    await shown(page, "Your ticket has the number 12.").waitFor();
    assert.deepEqual(sent(world, "create").at(-1), {
      assistantId: "ast_demo",
      subject: "The lamp is broken",
      description: "It flickers.",
      name: "Ada",
      email: "ada@example.test",
    });
    await choose(page, "Open a ticket");
    await form.waitFor();
    await page.keyboard.press("Escape");
    await page.locator(".composer").waitFor();
    assert.equal(await page.evaluate(() => document.activeElement.shadowRoot.activeElement.localName), "textarea");
  });

  await test("files are picked, dropped and pasted, and what cannot be sent is said", async (world) => {
    full(world);
    const visitor = await visit(world, { options: { bypassCSP: true } });
    const { page } = visitor;
    await opened(visitor);
    const choosing = page.waitForEvent("filechooser");
    await page.getByRole("button", { name: "Attach a file" }).click();
    await (await choosing).setFiles([{ name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("Some notes") }]);
    await page.locator(".files").getByText("notes.txt").waitFor();
    const hand = (type, name, bytes = 8) =>
      page.evaluate(
        ([event, file, size]) => {
          const data = new DataTransfer();
          data.items.add(new File(["x".repeat(size)], file, { type: /png$/.test(file) ? "image/png" : "application/zip" }));
          const root = document.querySelector("body > div").shadowRoot;
          const init = { bubbles: true, cancelable: true, composed: true };
          if (event === "paste") root.querySelector("textarea").dispatchEvent(new ClipboardEvent(event, { ...init, clipboardData: data }));
          else for (const each of ["dragenter", "dragover", event]) root.querySelector(".scroll").dispatchEvent(new DragEvent(each, { ...init, dataTransfer: data }));
        },
        [type, name, bytes],
      );
    await hand("drop", "shot.png");
    await hand("paste", "second.png");
    await page.locator(".files li").nth(2).waitFor();
    await hand("drop", "all.zip");
    await page.getByText("all.zip cannot be sent. Images, PDF and text files can.").waitFor();
    await hand("paste", "big.png", 5000);
    await page.getByText("big.png is too large. A file may have 4 kB at most.").waitFor();
    world.backend.uploadStatus = 415;
    await hand("paste", "fake.png");
    await page.getByText("fake.png cannot be sent.").waitFor();
    await page.getByRole("button", { name: "Remove second.png" }).click();
    await accessible(page, "files");
    await picture(page, "files");
    assert.equal(await page.locator(".composer .send").isEnabled(), true);
    await ask(visitor, "What is this?");
    await answered(visitor);
    await page.locator(".user .attached a").nth(1).waitFor();
    assert.equal(await page.locator(".composer ~ .files, .foot .files").count(), 0);
    assert.equal(sent(world, "chat").at(-1).attachments.length, 2);
    await page.locator(".user img").waitFor();
    await picture(page, "files-sent");
    await page.reload();
    await page.locator(".user .attached a").nth(1).waitFor();
  });

  await test("a person is asked for, joins, types, answers once, and the badge counts", async (world) => {
    full(world);
    const visitor = await visit(world, { options: { bypassCSP: true } });
    const { page } = visitor;
    await opened(visitor);
    await page.evaluate(() => {
      window.heard = [];
      window.IllumiChat.getInstance().on("handoff", (one) => window.heard.push(one.name));
    });
    await page.getByRole("button", { name: "More options" }).click();
    await shown(page, "Somebody is here now").or(page.getByText("Somebody is here now")).first().waitFor();
    await accessible(page, "menu");
    await picture(page, "menu");
    await page.getByRole("button", { name: "Talk to a person" }).click();
    await shown(page, "Someone is here and will answer soon.").waitFor();
    await page.locator(".sub").getByText("Waiting for a person").waitFor();
    const own = await listened(world);
    const session = world.backend.sessions.get(own);
    [session.handler, session.agent, session.status] = ["human", { name: "Grace", avatarUrl: "/grace.png" }, "open"];
    world.backend.tell(own, { type: "handler", handler: "human", agent: session.agent });
    await shown(page, "Grace has joined the conversation.").waitFor();
    await page.locator(".sub").getByText("Grace is answering").waitFor();
    world.backend.tell(own, { type: "typing", name: "Grace", typing: true }, false);
    await shown(page, "Grace is writing…").waitFor();
    await accessible(page, "person");
    await picture(page, "person-typing");
    world.backend.say(own, "agent", "Hello, how can I **help**?", { author: "Grace" });
    await page.locator(".agent strong").waitFor();
    await page.locator(".hidden[aria-live=polite]").getByText("Grace: Hello, how can I help?").waitFor({ state: "attached" });
    await shown(page, "Grace is writing…").waitFor({ state: "detached" });
    await ask(visitor, "The lamp flickers");
    await shown(page, "Delivered.").waitFor();
    // The line breaks; what happens meanwhile is caught up with, and nothing comes twice.
    world.backend.cut();
    world.backend.say(own, "agent", "I will look.", { author: "Grace" });
    await shown(page, "I will look.").waitFor();
    assert.equal(await page.locator(".agent").count(), 2);
    assert.deepEqual(await page.locator(".bubble").allTextContents(), ["The lamp flickers"]);
    const streams = world.backend.requests.filter(({ method, path }) => method === "GET" && path.endsWith("/events"));
    assert.equal(streams.length, 2);
    assert.match(streams[1].headers["last-event-id"], /^evt_/);
    await picture(page, "person");
    await page.locator("textarea").fill("Half");
    await page.keyboard.press("Escape");
    world.backend.say(own, "agent", "It is the cable.", { author: "Grace" });
    await page.getByRole("button", { name: "Open chat, 1 unread" }).waitFor();
    await visitor.launcher.click();
    await shown(page, "It is the cable.").waitFor();
    assert.deepEqual(await page.evaluate(() => window.heard), [null, "Grace"]);
    assert.ok(sent(world, "typing").some(({ typing }) => typing));
    assert.ok(sent(world, "read").length);
    await page.reload();
    await page.locator(".sub").getByText("Grace is answering").waitFor();
    world.backend.tell(await listened(world), { type: "handler", handler: "ai", agent: null });
    await shown(page, "Acme Support answers again.").waitFor();
  });

  await test("where nobody is there it says so, and takes an address", async (world) => {
    full(world, { handoff: { enabled: true, online: false }, leadForm: { enabled: false, required: false, fields: [] } });
    Object.assign(world.backend.people, { online: false, form: true, message: "Nobody is here right now. Leave your email address, and you will be answered there." });
    const visitor = await visit(world, { options: { bypassCSP: true } });
    const { page } = visitor;
    await opened(visitor);
    await ask(visitor, "Something unknown");
    await answered(visitor);
    await picture(page, "offers");
    await page.locator(".offers").getByRole("button", { name: "Talk to a person" }).click();
    await shown(page, "Nobody is here right now.").waitFor();
    await page.locator(".offers").getByRole("button", { name: "Leave your details" }).click();
    const form = page.getByRole("form", { name: "Leave your details" });
    await form.getByLabel("Name").fill("Ada");
    await form.getByLabel("Email").fill("ada@example.test");
    await form.getByRole("button", { name: "Send" }).click();
    await shown(page, "Thank you. We have your details.").waitFor();
    assert.equal(await page.locator(".bubble").count(), 1);
  });

  await test("a closed conversation says so, is rated, and opens again", async (world) => {
    full(world);
    const visitor = await visit(world, { options: { bypassCSP: true } });
    const { page } = visitor;
    await opened(visitor);
    await ask(visitor, "How?");
    await answered(visitor);
    world.backend.tell(await listened(world), { type: "closed" });
    await shown(page, "This conversation is closed.").waitFor();
    await accessible(page, "closed");
    await picture(page, "closed");
    await page.locator(".whole").getByRole("button", { name: "Good answer" }).click();
    await page.locator(".whole .comment").getByRole("button", { name: "Cancel" }).click();
    assert.deepEqual(sent(world, "feedback"), [{ rating: "up" }]);
    await ask(visitor, "One more thing");
    await answered(visitor, 2);
    assert.equal(await shown(page, "This conversation is closed.").count(), 0);
  });

  await test("an answer that comes while nobody is here counts on the next page", async (world) => {
    full(world);
    const visitor = await visit(world);
    const { page } = visitor;
    await opened(visitor);
    await ask(visitor, "A person, please");
    await shown(page, "Delivered.").waitFor();
    await page.keyboard.press("Escape");
    await page.goto("about:blank");
    const session = world.backend.sessions.get(token(world));
    [session.handler, session.agent, session.unread] = ["human", { name: "Grace" }, 2];
    session.messages.push(world.backend.message("agent", "One", { author: "Grace" }), world.backend.message("agent", "Two", { author: "Grace" }));
    await page.goto(`${world.backend.host}/`);
    await page.getByRole("button", { name: "Open chat, 2 unread" }).waitFor();
    await visitor.launcher.click();
    await shown(page, "Two").waitFor();
    assert.deepEqual(visitor.problems, []);
  });

  await test("sounds are off until they are switched on, and stay so", async (world) => {
    const visitor = await visit(world);
    const { page } = visitor;
    await opened(visitor);
    await page.getByRole("button", { name: "More options" }).click();
    const sound = page.getByRole("switch", { name: "Sound" });
    assert.equal(await sound.getAttribute("aria-checked"), "false");
    await sound.click();
    assert.equal(await sound.getAttribute("aria-checked"), "true");
    await page.keyboard.press("Escape");
    assert.equal(await sound.count(), 0);
    assert.ok(await visitor.panel.isVisible());
    await page.reload();
    await page.getByRole("button", { name: "More options" }).click();
    assert.equal(await sound.getAttribute("aria-checked"), "true");
  });

  await test("as a module of the npm package", async (world) => {
    const visitor = await visit(world, {
      tags: 0,
      body: `<script type="module">
        import { Widget, VERSION, getInstance } from "${world.backend.url}/package/illumichat.js";
        window.chat = { VERSION, getInstance };
        await new Widget({ assistantId: "ast_demo", apiUrl: "${world.backend.url}" }).initialize();
      </script>`,
    });
    const { page } = visitor;
    await opened(visitor);
    await ask(visitor, "How?");
    await answered(visitor);
    await page.getByRole("button", { name: "More options" }).click();
    assert.equal(await page.evaluate(() => window.chat.getInstance().getState()), "open");
    assert.equal(await page.evaluate(() => typeof window.IllumiChat), "undefined");
    assert.deepEqual(visitor.problems, []);
  });

  await test("every form under a strict policy, in Hebrew, dark, on a phone", async (world) => {
    full(world);
    const visitor = await visit(world, {
      headers: { "Content-Security-Policy": `${csp(world)}; img-src ${world.backend.url}; require-trusted-types-for 'script'; trusted-types 'none'` },
      html: { lang: "he", dir: "rtl" },
      options: { ...PHONE, colorScheme: "dark" },
    });
    const { page } = visitor;
    await opened(visitor);
    await page.getByRole("button", { name: "אפשרויות נוספות" }).click();
    await page.waitForTimeout(200);
    await picture(page, "hebrew-menu");
    await page.getByRole("button", { name: "פתיחת פנייה" }).click();
    await page.getByRole("form", { name: "פתיחת פנייה" }).waitFor();
    await picture(page, "hebrew-ticket");
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
    await page.getByRole("button", { name: "חזרה לשיחה" }).click();
    await ask(visitor, "מה?");
    await answered(visitor);
    await page.getByRole("button", { name: "תשובה טובה" }).click();
    await page.locator(".comment").waitFor();
    await picture(page, "hebrew-answer");
    assert.deepEqual(visitor.problems, []);
  });


  await test("it speaks first where it is set to, once a visit, and is sent away or taken up", async (world) => {
    world.backend.config.proactive = { enabled: true, message: "Looking for **coffee**?", delaySeconds: 0 };
    world.backend.config.branding = true;
    const { page, launcher, panel, problems, context } = await visit(world);
    const offer = page.locator(".offer");
    await offer.getByText("Looking for **coffee**?").waitFor();
    await accessible(page, "offer");
    await picture(page, "offer");
    await offer.getByRole("button", { name: "Close" }).click();
    await offer.waitFor({ state: "detached" });
    await page.reload();
    await launcher.waitFor();
    await page.waitForFunction(() => document.querySelector("body > div")?.shadowRoot.querySelector(".panel"));
    assert.equal(await offer.count(), 0);
    await page.evaluate(() => sessionStorage.clear());
    await page.reload();
    await offer.getByText("Looking for").click();
    await panel.waitFor();
    await offer.waitFor({ state: "detached" });
    await page.locator(".fine").getByText("IllumiChat").waitFor();
    assert.deepEqual(problems, []);
    await context.close();
  });

  await test("a widget that is switched off leaves nothing behind but a reason", async (world) => {
    world.backend.configStatus = 404;
    const visitor = await visit(world);
    const warning = await visitor.page.waitForEvent("console", (message) => message.type() === "warning");
    assert.equal(warning.text(), "IllumiChat: There is no such widget.");
    assert.equal(await visitor.page.locator("body > div").count(), 0);
    assert.equal(await visitor.page.evaluate(() => window.IllumiChat.getInstance().getState()), "error");
  });
}
