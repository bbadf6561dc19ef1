import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Announcer, lastSentenceEnd } from "../src/chat/announcer.ts";
import files from "../src/files/en.ts";
import forms from "../src/forms/en.ts";
import panel from "../src/locales/en.ts";
import { fill, language, LOCALES } from "../src/locales/index.ts";

/** English has its texts where they are needed; every other language has all in one file. */
const en = { ...panel, ...forms, ...files };

describe("languages", () => {
  it.each(LOCALES)("%s has every text, with its places", async (tag) => {
    const { strings: own, dir } = await language([tag]);
    const strings = tag === "en" ? { ...en, ...own } : own;
    expect(Object.keys(strings).sort()).toEqual(Object.keys(en).sort());
    for (const [key, text] of Object.entries(strings)) {
      expect(text.trim(), key).not.toBe("");
      expect(text.match(/\{\w+\}/g)?.sort(), key).toEqual(en[key as keyof typeof en].match(/\{\w+\}/g)?.sort());
    }
    expect(dir).toBe(tag === "ar" || tag === "he" ? "rtl" : "ltr");
  });

  it("are all that the product promises", () => {
    expect([...LOCALES].sort()).toEqual(["ar", "de", "en", "es", "fr", "he", "it", "ja", "nl", "pl", "pt", "tr", "zh"]);
    const files = readdirSync(join(import.meta.dirname, "../src/locales")).filter((file) => file !== "index.ts");
    expect(files.map((file) => file.replace(".ts", "")).sort()).toEqual([...LOCALES].sort());
  });

  it.each([
    [["de-AT"], "de-AT"],
    [["pt_BR"], "pt-BR"],
    [["iw"], "he"],
    [["auto", "fr"], "fr"],
    [[null, undefined, "", "sv", "tr"], "tr"],
    [["not a tag", "it"], "it"],
    [["sv"], "en"],
  ])("%j is %s", async (wished, tag) => expect((await language(wished)).tag).toBe(tag));

  it("are replaced word by word where the assistant says so", async () => {
    const { strings } = await language(["de"], { send: "Los" });
    expect([strings.send, strings.retry]).toEqual(["Los", "Erneut versuchen"]);
  });

  it("fill in values, and leave alone what has none", () => {
    expect(fill("{a} of {b}", { a: 1 })).toBe("1 of {b}");
  });
});

describe("what a screen reader is told", () => {
  it.each([
    ["One. Two", 4],
    ["One.", 0],
    ["No end", 0],
    ["Version 1.2 is", 0],
    ["Zu Ende?! Ja", 9],
    ["一つ。二", 3],
    ["“Yes.” No", 6],
  ])("%j ends at %i", (text, end) => expect(lastSentenceEnd(text)).toBe(end));

  it("is the answer in whole sentences, each once", () => {
    const region = document.createElement("div");
    const announcer = new Announcer(region);
    announcer.begin("Acme is writing…");
    const answer = "You can **change** your plan at any time. Open [Settings](/s), then choose *Billing* and the plan.";
    for (let at = 1; at <= answer.length; at++) announcer.follow(answer.slice(0, at), false);
    announcer.follow(answer, true);
    expect([...region.children].map((line) => line.textContent)).toEqual([
      "Acme is writing…",
      "You can change your plan at any time.",
      "Open Settings, then choose Billing and the plan.",
    ]);
  });
});

it("keeps styles to pixels, and out of components", () => {
  const source = join(import.meta.dirname, "../src");
  for (const file of readdirSync(source, { recursive: true, encoding: "utf8" })) {
    if (!/\.(css|svelte)$/.test(file)) continue;
    const text = readFileSync(join(source, file), "utf8");
    expect(text, file).not.toMatch(/\drem\b/);
    expect(text, file).not.toContain("<style");
    expect(text, file).not.toContain(" style=");
  }
});
