import type { Assistant } from "@illumichat/api";
import { describe, expect, test } from "vitest";
import { changes, lines, toDraft } from "../src/features/assistants/draft.ts";

/** What the form shows of an assistant. */
const assistant = {
  id: "ast_1",
  name: "Guide",
  instructions: "",
  model: "builtin/extractive",
  modelInherited: true,
  visibility: "workspace",
  temperature: 0.7,
  maxTokens: 4096,
  welcomeMessage: null,
  widgetEnabled: false,
  projectCount: 0,
  suggestedQuestions: ["One?"],
  createdAt: "2026-01-01T00:00:00.000Z",
  updatedAt: "2026-01-01T00:00:00.000Z",
} as Assistant;

describe("changes", () => {
  test("are none when nothing was touched", () => {
    expect(changes(assistant, toDraft(assistant))).toEqual({});
  });

  test("hold only what differs", () => {
    expect(changes(assistant, { ...toDraft(assistant), name: "Other", temperature: 0 })).toEqual({ name: "Other", temperature: 0 });
  });

  test("clear an optional field with null", () => {
    const saved = { ...assistant, welcomeMessage: "Hi", model: "openai/x", modelInherited: false };
    expect(changes(saved, { ...toDraft(saved), welcomeMessage: "", model: "" })).toEqual({ welcomeMessage: null, model: null });
  });

  test("do not count blank lines", () => {
    expect(changes(assistant, { ...toDraft(assistant), suggestedQuestions: "One?\n\n  " })).toEqual({});
    expect(lines("\n a \n")).toEqual(["a"]);
  });
});
