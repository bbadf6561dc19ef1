import { expect, test } from "vitest";
import { toChange, toRows } from "../src/features/providers/prices.ts";

test("prices stand in rows, and a change takes away what is not there any more", () => {
  const before = { "openai/b": { input: 1, output: 2 }, "openai/a": { input: 0.5, output: 0 } };
  const rows = toRows(before);
  expect(rows.map((row) => row.model)).toEqual(["openai/a", "openai/b"]);
  expect(toChange(rows, before)).toEqual(before);
  expect(toChange([{ model: " openai/c ", input: 3, output: null }, { model: "", input: 1, output: 1 }], before)).toEqual({
    "openai/a": null,
    "openai/b": null,
    "openai/c": { input: 3, output: 0 },
  });
});
