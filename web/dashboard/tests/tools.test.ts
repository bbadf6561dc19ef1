import { describe, expect, test } from "vitest";
import { changeLabel, changeValue } from "../src/features/assistants/versions.ts";
import { smsState } from "../src/features/channels/sms/state.ts";
import { collect, refusalOf, toArguments } from "../src/features/tools/arguments.ts";
import { fromCommand, fromPairs, toCommand, toPairs } from "../src/features/tools/pairs.ts";
import { example, FIRST_SCHEMA, parseSchema, written } from "../src/features/tools/schema.ts";
import { deliveryState, readable } from "../src/features/webhooks/events.ts";

describe("headers as rows", () => {
  test("come back as they were, without those that have no name", () => {
    const rows = [...toPairs({ "x-key": "…1234" }, true), { name: "  ", value: "lost", stored: false }];
    expect(fromPairs(rows)).toEqual({ "x-key": "…1234" });
    expect(toPairs(null)).toEqual([]);
  });
});

describe("a command line", () => {
  test("keeps what stands in quotes together", () => {
    expect(toCommand(` npx server "two words" 'and "three"' `)).toEqual(["npx", "server", "two words", 'and "three"']);
  });

  test("is written so that it is read as the same", () => {
    for (const command of [["a"], ["a", "b c"], ["a", ""], ["a", 'say "hi there"']]) expect(toCommand(fromCommand(command))).toEqual(command);
  });
});

describe("an action's arguments", () => {
  test("are a schema of an object, or it is said why not", () => {
    expect(parseSchema(JSON.stringify(FIRST_SCHEMA))).toEqual(FIRST_SCHEMA);
    for (const wrong of ["{", "[]", "null", '{"type":"string"}']) expect(typeof parseSchema(wrong)).toBe("string");
  });

  test("go where the address names them, else into the query or the body", () => {
    const schema = { properties: { number: { type: "string" }, count: { type: "integer" } } };
    expect(example("GET", "https://a.example/o/{number}", schema)).toBe("GET https://a.example/o/%E2%80%A6?count=1");
    expect(example("POST", "https://a.example/o/{number}", schema)).toContain('"count": 1');
    expect(example("GET", "https://a.example/{unknown}", { properties: {} })).toBe("GET https://a.example/{unknown}");
  });
});

describe("an action that is tried", () => {
  const schema = {
    type: "object",
    required: ["number", "count"],
    properties: {
      number: { type: "string" },
      count: { type: "integer", default: 2 },
      weight: { type: ["number", "null"] },
      express: { type: "boolean" },
      way: { enum: ["air", 7] },
      tags: { type: "array" },
      any: {},
      count_all: { type: ["string", "integer"] },
    },
  };
  const all = toArguments(schema);

  test("asks for each argument in the control of its type", () => {
    expect(all.map(({ name, kind }) => `${name} ${kind}`)).toEqual(["number text", "count integer", "weight number", "express choice", "way choice", "tags json", "any json", "count_all json"]);
    expect(all.filter(({ required }) => required).map(({ name }) => name)).toEqual(["number", "count"]);
    expect(all[1]?.start).toBe("2");
    expect(toArguments({ type: "object" })).toEqual([]);
  });

  test("sends what was typed by its type, and leaves out what is empty", () => {
    const typed = { number: "A 1", count: "3", weight: "1.5", express: "1", way: "1", tags: '["x"]', any: "" };
    expect(collect(all, typed)).toEqual({ values: { number: "A 1", count: 3, weight: 1.5, express: false, way: 7, tags: ["x"] }, faults: {} });
  });

  test("is told at each argument what is wrong with it", () => {
    const { faults, values } = collect(all, { count: "1.5", weight: "heavy", tags: "[x" });
    expect(faults).toEqual({ number: "missing", count: "integer", weight: "number", tags: "json" });
    expect(values).toEqual({});
  });

  test("hears the server's refusal at the argument that it is about", () => {
    expect(refusalOf("arguments.count must be at most 9", all)).toEqual({ name: "count", why: "must be at most 9" });
    expect(refusalOf("arguments.count_all must be string", all)?.name).toBe("count_all");
    expect(refusalOf("arguments.tags[1] must be string", all)).toEqual({ name: "tags", why: "[1] must be string" });
    expect(refusalOf("the address answered 404", all)).toBe(null);
  });

  test("shows the request as it goes out", () => {
    expect(written("GET", "https://a.example/o/{number}?a=1", { number: "A/1 (b)", on: true })).toBe("GET https://a.example/o/A%2F1%20%28b%29?a=1&on=true");
    expect(written("POST", "https://a.example/o/{number}", { on: true })).toBe('POST https://a.example/o/{number}\n\n{\n  "on": true\n}');
  });
});

describe("what became of something", () => {
  test("is said of a delivery", () => {
    expect(deliveryState({ status: "pending", attempts: 0 }).key).toBe("webhooks.pending");
    expect(deliveryState({ status: "pending", attempts: 2 }).key).toBe("webhooks.retrying");
    expect(deliveryState({ status: "failed", attempts: 9 }).tone).toBe("bad");
  });

  test("is said of a text message, in Twilio's word where that is new", () => {
    expect(smsState("undelivered").tone).toBe("bad");
    expect(smsState("teleported").key).toBeNull();
  });

  test("is readable where it is JSON", () => {
    expect(readable('{"a":1}')).toBe('{\n  "a": 1\n}');
    expect(readable("<h1>")).toBe("<h1>");
  });
});

describe("a version's change", () => {
  test("has the field's name on the pages, where one has it", () => {
    expect(changeLabel("widget.theme.radius")).toBe("widget.radius");
    expect(changeLabel("retrieval.topK")).toBeNull();
  });

  test("is shown as a text", () => {
    expect(changeValue(["a", "b"])).toBe("a\nb");
    expect(changeValue(null)).toBe("");
    expect(changeValue(false)).toBe("false");
  });
});
