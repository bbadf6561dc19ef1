import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Assistant } from "@illumichat/api";
import { describe, expect, test } from "vitest";
import { contrast, judge, parseColor } from "../src/features/channels/widget/contrast.ts";
import { difference, previewConfig, toWidgetDraft, widgetChanges } from "../src/features/channels/widget/draft.ts";
import { LANGUAGES, TEXTS } from "../src/features/channels/widget/strings.ts";

const assistant = {
  id: "ast_1",
  name: "Guide",
  visibility: "workspace",
  widgetEnabled: false,
  welcomeMessage: null,
  suggestedQuestions: ["One?"],
  avatarUrl: null,
  widget: {
    domains: ["example.com"],
    theme: { primaryColor: null, colorScheme: "auto", position: null, launcher: "bubble", radius: null },
    locale: null,
    strings: { send: "Go", subtitle: "Helper" },
    leadForm: { enabled: false, required: false, fields: [] },
    tickets: { enabled: false },
    uploads: { enabled: false, maxBytes: 5 * 1024 * 1024 },
    proactive: { enabled: false },
  },
  handoff: { enabled: false, notify: ["team"], escalateMinutes: null, offlineMessage: null },
} as unknown as Assistant;

describe("the widget's draft", () => {
  test("is no change when nothing was touched", () => {
    expect(widgetChanges(assistant, toWidgetDraft(assistant))).toEqual({});
  });

  test("names only what differs, at any depth", () => {
    const draft = { ...toWidgetDraft(assistant), radius: 4, domains: "a.example\n b.example ", handoff: true };
    expect(widgetChanges(assistant, draft)).toEqual({
      widget: { theme: { radius: 4 }, domains: ["a.example", "b.example"] },
      handoff: { enabled: true },
    });
  });

  test("takes a text away with null, and keeps those that it does not show", () => {
    const draft = { ...toWidgetDraft(assistant), strings: { send: "Go", subtitle: "  " } };
    expect(widgetChanges(assistant, draft)).toEqual({ widget: { strings: { subtitle: null } } });
  });

  test("clears a colour with null", () => {
    const coloured = { ...assistant, widget: { ...assistant.widget, theme: { ...assistant.widget.theme, primaryColor: "#ff0000" } } };
    expect(widgetChanges(coloured, { ...toWidgetDraft(coloured), primaryColor: "" })).toEqual({
      widget: { theme: { primaryColor: null } },
    });
  });

  test("is what the preview shows", () => {
    const config = previewConfig(assistant, { ...toWidgetDraft(assistant), primaryColor: "#FF0000", welcomeMessage: "Hi" });
    expect(config.theme.primaryColor).toBe("#ff0000");
    expect(config).toMatchObject({ name: "Guide", welcomeMessage: "Hi", strings: { send: "Go" } });
  });
});

describe("difference", () => {
  test("compares lists as a whole", () => {
    expect(difference({ a: [1, 2], b: { c: 1, d: 2 } }, { a: [1], b: { c: 1, d: 3 } })).toEqual({ a: [1], b: { d: 3 } });
    expect(difference({ a: [1] }, { a: [1] })).toBeUndefined();
  });
});

describe("contrast", () => {
  test("is that of WCAG", () => {
    expect(contrast([0, 0, 0], [255, 255, 255])).toBeCloseTo(21, 5);
    expect(contrast([119, 119, 119], [255, 255, 255])).toBeCloseTo(4.48, 2);
  });

  test("chooses the text that can be read, whatever the colour", () => {
    expect(judge([79, 70, 229]).text).toBe("white");
    expect(judge([255, 230, 0]).text).toBe("black");
    for (let value = 0; value < 256; value += 5) {
      for (const color of [[value, 0, 0], [0, value, 0], [value, value, value], [255, value, 90]] as [number, number, number][]) {
        expect(judge(color).ratio).toBeGreaterThanOrEqual(4.5);
      }
    }
  });

  test("reads colours as the server takes them", () => {
    expect(parseColor(" #0A7d4f ")).toEqual([10, 125, 79]);
    for (const wrong of ["", "red", "#fff", "#12345g", "0a7d4f"]) expect(parseColor(wrong)).toBeNull();
  });
});

test("the texts to replace are the widget's own", () => {
  const widget = resolve(import.meta.dirname, "../../widget/src");
  const locales = resolve(widget, "locales");
  const source = [resolve(locales, "en.ts"), resolve(widget, "forms/en.ts")].map((file) => readFileSync(file, "utf8")).join("\n");
  for (const [name, text] of Object.entries(TEXTS)) expect(source).toContain(`  ${name}: ${JSON.stringify(text)},`);
  for (const tag of LANGUAGES) expect(readFileSync(resolve(locales, `${tag}.ts`), "utf8")).not.toBe("");
});
