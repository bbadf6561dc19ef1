import type { Assistant, Project } from "@illumichat/api";
import { expect, test } from "vitest";
import { checklist } from "../src/features/home/checklist.ts";

const done = (...given: Parameters<typeof checklist>) => checklist(...given).filter((step) => step.done).map((step) => step.id);
const project = (documentCount: number) => ({ id: "proj_1", documentCount }) as Project;
const assistant = (given: Partial<Assistant>) => ({ id: "ast_1", projectCount: 0, widgetEnabled: false, ...given }) as Assistant;

test("an empty workspace has everything before it, and each step leads somewhere", () => {
  expect(done([], [], 0)).toEqual([]);
  expect(checklist([], [], 0).map((step) => step.href)).toEqual([
    "/knowledge?new",
    "/assistants?new",
    "/assistants?new",
    "/assistants?new",
    "/assistants?new",
  ]);
});

test("an empty project is not knowledge yet, but the step leads to it", () => {
  expect(done([], [project(0)], 0)).toEqual([]);
  expect(checklist([], [project(0)], 0)[0]?.href).toBe("/knowledge/proj_1");
});

test("each step is done by what it asks for", () => {
  expect(done([assistant({})], [project(2)], 0)).toEqual(["knowledge", "assistant"]);
  expect(done([assistant({ projectCount: 1 })], [project(2)], 3)).toEqual(["knowledge", "assistant", "connect", "ask"]);
  expect(done([assistant({ projectCount: 1, widgetEnabled: true })], [project(2)], 3)).toHaveLength(5);
});

test("the steps lead to the assistant that is connected", () => {
  const steps = checklist([assistant({}), assistant({ id: "ast_2", projectCount: 1 })], [project(1)], 0);
  expect(steps.at(-1)?.href).toBe("/assistants/ast_2/widget");
});
