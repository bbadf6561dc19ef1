import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { onColour, parseHex } from "../src/loader/colour.ts";
import { Widget } from "../src/loader/widget.ts";
import { EVENTS, type Host, type Panel, type WidgetOptions } from "../src/types.ts";

const CONFIG = { assistantId: "ast_1", name: "Acme", theme: { primaryColor: "#ffcc00", position: "left" } };
let answer: () => Response | Promise<Response>;
let panel: Panel;
let host: Host;
let made: Widget[];

function widget(options: Partial<WidgetOptions> = {}): Widget {
  const one = new Widget({ assistantId: "ast_1", ...options });
  made.push(one);
  return one;
}
const element = (): HTMLElement | null => document.querySelector<HTMLElement>("body > div[data-side]");
const settled = (): Promise<void> => new Promise((done) => setTimeout(done, 5));

beforeEach(() => {
  made = [];
  answer = () => Response.json(CONFIG);
  Widget.origin = { base: "https://chat.test", panel: "widget/panel-x.js" };
  panel = {
    show: vi.fn(),
    hide: vi.fn(),
    send: vi.fn(async () => {}),
    identify: vi.fn(async () => {}),
    reset: vi.fn(),
    destroy: vi.fn(),
  };
  Widget.load = vi.fn(async () => ({
    mount: async (given: Host) => {
      host = given;
      return panel;
    },
  }));
  vi.stubGlobal(
    "fetch",
    vi.fn(async () => answer()),
  );
  sessionStorage.clear();
});
afterEach(() => {
  for (const one of made) one.destroy();
  vi.unstubAllGlobals();
});

describe("a widget's states", () => {
  it("goes from idle over initializing to ready, and to open and back", async () => {
    const one = widget();
    expect(one.getState()).toBe("idle");
    const started = one.initialize();
    expect(one.getState()).toBe("initializing");
    await started;
    expect(one.getState()).toBe("ready");
    one.open();
    await settled();
    expect(one.getState()).toBe("open");
    expect(panel.show).toHaveBeenCalledWith(true);
    one.toggle();
    expect(one.getState()).toBe("ready");
    await settled();
    expect(panel.hide).toHaveBeenCalledOnce();
    one.destroy();
    expect(one.getState()).toBe("destroyed");
    await settled();
    expect(panel.destroy).toHaveBeenCalledOnce();
  });

  it("does nothing before it is initialized, nor after it is destroyed", async () => {
    const one = widget();
    one.open();
    one.close();
    one.toggle();
    await one.sendMessage("x");
    await one.identify({ email: "a@b.c" });
    await one.reset();
    expect(one.getState()).toBe("idle");
    expect(fetch).not.toHaveBeenCalled();
    await one.initialize();
    one.destroy();
    one.open();
    await one.sendMessage("x");
    expect(Widget.load).not.toHaveBeenCalled();
    await expect(one.initialize()).rejects.toMatchObject({ code: "destroyed:client" });
  });

  it("asks for the configuration once, however often it is initialized", async () => {
    const one = widget();
    await Promise.all([one.initialize(), one.initialize()]);
    await one.initialize();
    expect(fetch).toHaveBeenCalledOnce();
    expect(fetch).toHaveBeenCalledWith("https://chat.test/api/widget/ast_1/config", { credentials: "omit" });
  });

  it("opens as soon as it can where it was asked to before", async () => {
    const one = widget();
    const started = one.initialize();
    one.open();
    await started;
    await settled();
    expect(one.getState()).toBe("open");
  });

  it("opens by itself where the page says so, without taking the focus", async () => {
    await widget({ open: true }).initialize();
    await settled();
    expect(panel.show).toHaveBeenCalledWith(false);
  });

  it("needs an assistant", () => {
    expect(() => new Widget({} as WidgetOptions)).toThrow(/assistantId/);
  });
});

describe("what goes wrong", () => {
  it("rejects with the server's reason and takes its button away where there is no widget", async () => {
    answer = () => Response.json({ error: "There is no such widget.", code: "not_found:widget" }, { status: 404 });
    const one = widget();
    const failed = vi.fn();
    one.on("error", failed);
    await expect(one.initialize()).rejects.toMatchObject({ code: "not_found:widget", message: /no such widget/ });
    expect(one.getState()).toBe("error");
    expect(failed).toHaveBeenCalledWith({ code: "not_found:widget", message: expect.stringContaining("no such") });
    expect(element()).toBeNull();
  });

  it("takes the button away where the page may not even read why it is refused", async () => {
    let asked = 0;
    answer = () => ((asked += 1) === 1 ? Promise.reject(new TypeError("CORS")) : new Response(null));
    await expect(widget().initialize()).rejects.toMatchObject({ code: "forbidden:widget" });
    expect(fetch).toHaveBeenLastCalledWith(expect.stringContaining("/config"), { mode: "no-cors" });
    expect(element()).toBeNull();
  });

  it("keeps its button where the server cannot be reached, and tries again on a click", async () => {
    answer = () => Promise.reject(new TypeError("offline"));
    const one = widget();
    await expect(one.initialize()).rejects.toMatchObject({ code: "offline:client" });
    expect(element()).not.toBeNull();
    answer = () => Response.json(CONFIG);
    element()!.shadowRoot!.querySelector("button")!.click();
    await settled();
    expect(one.getState()).toBe("open");
  });

  it("rejects what is no configuration", async () => {
    answer = () => new Response("<h1>Bad gateway</h1>", { status: 502 });
    await expect(widget().initialize()).rejects.toMatchObject({ code: "internal:client", message: /502/ });
    answer = () => Response.json({});
    await expect(widget().initialize()).rejects.toMatchObject({ code: "internal:client" });
  });

  it("rejects where its container is not there", async () => {
    await expect(widget({ container: "#nowhere" }).initialize()).rejects.toMatchObject({ code: "not_found:client" });
  });

  it("says so where the panel cannot be loaded, and can be opened again", async () => {
    const one = widget();
    await one.initialize();
    const failed = vi.fn();
    one.on("error", failed);
    vi.mocked(Widget.load).mockRejectedValueOnce(new Error("gone"));
    one.open();
    await settled();
    expect(failed).toHaveBeenCalledOnce();
    expect(one.getState()).toBe("ready");
    one.open();
    await settled();
    expect(one.getState()).toBe("open");
  });

  it("is not brought back by an answer that comes after it was destroyed", async () => {
    let release!: (response: Response) => void;
    answer = () => new Promise((done) => (release = done));
    const one = widget();
    const started = one.initialize();
    await settled();
    one.destroy();
    release(Response.json(CONFIG));
    await expect(started).rejects.toMatchObject({ code: "destroyed:client" });
    expect(element()).toBeNull();
    expect(one.getState()).toBe("destroyed");
  });
});

describe("its events", () => {
  it("reach listeners and the page's window, and can be undone", async () => {
    const one = widget();
    const heard: string[] = [];
    const seen: string[] = [];
    const undo = EVENTS.map((name) => one.on(name, () => heard.push(name)));
    for (const name of EVENTS) window.addEventListener(`illumichat:${name}`, () => seen.push(name), { once: true });
    await one.initialize();
    one.open();
    await settled();
    host.emit("message:sent", { id: "1", text: "hi" });
    one.close();
    undo[0]!();
    one.destroy();
    expect(heard).toEqual(["ready", "open", "message:sent", "close", "destroy"]);
    expect(seen).toEqual(heard);
  });

  it("are not stopped by a listener that throws", async () => {
    const report = vi.fn();
    vi.stubGlobal("reportError", report);
    const one = widget();
    const second = vi.fn();
    one.on("ready", () => {
      throw new Error("the page's");
    });
    one.on("ready", second);
    await one.initialize();
    expect(second).toHaveBeenCalledWith(expect.objectContaining({ name: "Acme" }));
    expect(report).toHaveBeenCalledOnce();
  });
});

describe("what it hands out", () => {
  it("is a copy", async () => {
    const one = widget({ locale: "de" });
    expect(one.getConfig()).toMatchObject({ assistantId: "ast_1", locale: "de", assistant: null });
    await one.initialize();
    const config = one.getConfig();
    config.assistant!.name = "changed";
    config.locale = "fr";
    expect(one.getConfig()).toMatchObject({ locale: "de", assistant: { name: "Acme" } });
  });

  it("passes messages, identity and reset on, waiting for its start", async () => {
    const one = widget();
    const started = one.initialize();
    await Promise.all([started, one.sendMessage("hello"), one.identify({ externalId: "1" })]);
    await one.reset();
    expect(panel.send).toHaveBeenCalledWith("hello");
    expect(panel.identify).toHaveBeenCalledWith({ externalId: "1" });
    expect(panel.reset).toHaveBeenCalledOnce();
  });

  it("rejects a message that the server does not take", async () => {
    const one = widget();
    await one.initialize();
    vi.mocked(panel.send).mockRejectedValueOnce(new Error("too many"));
    await expect(one.sendMessage("x")).rejects.toThrow("too many");
  });
});

describe("its place in the page", () => {
  it("has the theme's colour, with one that can be read on it, and its side", async () => {
    await widget().initialize();
    const button = element()!.shadowRoot!.querySelector("button")!;
    expect(element()!.dataset.side).toBe("left");
    expect(button.style.background).toContain("255");
    expect(button.style.color).toBe("#000");
  });

  it("follows the page's wish before the assistant's", async () => {
    await widget({ position: "right" }).initialize();
    expect(element()!.dataset.side).toBe("right");
  });

  it("fills a container without a button", async () => {
    const place = document.body.appendChild(document.createElement("section"));
    const one = widget({ container: place });
    await one.initialize();
    await settled();
    expect(one.getState()).toBe("open");
    one.close();
    expect(one.getState()).toBe("open");
    expect(place.firstElementChild!.shadowRoot!.querySelector("button")).toBeNull();
    place.remove();
  });

  it("comes back open on the next page of the tab", async () => {
    sessionStorage.setItem("illumichat:open:ast_1", "1");
    const one = widget();
    await one.initialize();
    await settled();
    expect(one.getState()).toBe("open");
    expect(panel.show).toHaveBeenCalledWith(false);
  });

  it("is one, until it is destroyed", () => {
    const first = widget();
    widget();
    expect(Widget.instance).toBe(first);
    first.destroy();
    expect(Widget.instance).toBeNull();
  });
});

describe("colours", () => {
  it.each([
    ["#fff", [255, 255, 255]],
    ["#4F46e5", [79, 70, 229]],
    ["red", null],
    ["#12", null],
    ["#12345g", null],
    [null, null],
    ["#fff;x", null],
  ])("%s", (text, rgb) => expect(parseHex(text)).toEqual(rgb));

  it("always finds one that can be read", () => {
    const part = (value: number): number =>
      (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    for (let r = 0; r < 256; r += 17) {
      for (let g = 0; g < 256; g += 17) {
        for (let b = 0; b < 256; b += 17) {
          const luminance = 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
          const contrast = onColour([r, g, b]) === "#fff" ? 1.05 / (luminance + 0.05) : (luminance + 0.05) / 0.05;
          expect(contrast).toBeGreaterThanOrEqual(4.5);
        }
      }
    }
  });
});
