import { describe, expect, test } from "vitest";
import { changeLabel, changeValue } from "../src/features/assistants/versions.ts";
import { smsState } from "../src/features/channels/sms/state.ts";
import { fromCommand, fromPairs, toCommand, toPairs } from "../src/features/tools/pairs.ts";
import { example, FIRST_SCHEMA, parseSchema } from "../src/features/tools/schema.ts";
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
