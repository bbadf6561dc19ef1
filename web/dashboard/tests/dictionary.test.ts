import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { de } from "../src/i18n/de.ts";
import { en } from "../src/i18n/en.ts";
import { type Entry, translate } from "../src/i18n/index.svelte.ts";

const parameters = (entry: Entry) => {
  const forms = typeof entry === "string" ? [entry] : Object.values(entry);
  return new Set(forms.flatMap((form) => [...form.matchAll(/\{(\w+)\}/g)].map((match) => match[1])));
};
const forms = (entry: Entry) => (typeof entry === "string" ? [entry] : Object.values(entry));

describe("the dictionaries", () => {
  const keys = Object.keys(en) as (keyof typeof en)[];

  test("have the same keys, and the same parameters in each", () => {
    expect(Object.keys(de).sort()).toEqual([...keys].sort());
    for (const key of keys) expect([key, parameters(de[key])]).toEqual([key, parameters(en[key])]);
  });

  test("have no empty text", () => {
    for (const key of keys) for (const form of [...forms(en[key]), ...forms(de[key])]) expect(form.trim(), key).not.toBe("");
  });

  test("have no key that nothing shows", () => {
    const src = resolve(import.meta.dirname, "../src");
    const code = readdirSync(src, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && /\.(svelte|ts)$/.test(entry.name) && !/[\\/]i18n/.test(entry.parentPath))
      .map((entry) => readFileSync(join(entry.parentPath, entry.name), "utf8"))
      .join("\n");
    const unused = keys.filter((key) => !code.includes(`"${key}"`) && !key.startsWith("role."));
    expect(unused).toEqual([]);
  });
});

describe("translate", () => {
  test("puts parameters in, numbers as the language writes them", () => {
    expect(translate("{name}: {n}", { name: "<b>", n: 12345 }, "de")).toBe("<b>: 12.345");
  });

  test("leaves what it does not know", () => {
    expect(translate("{name}", {}, "en")).toBe("{name}");
  });

  test("chooses the plural form", () => {
    const entry = { one: "{count} thing", other: "{count} things" };
    expect(translate(entry, { count: 1 }, "en")).toBe("1 thing");
    expect(translate(entry, { count: 0 }, "en")).toBe("0 things");
  });

  test("does not read a parameter as a pattern", () => {
    expect(translate("{a} {b}", { a: "{b}", b: "$&" }, "en")).toBe("{b} $&");
  });
});
