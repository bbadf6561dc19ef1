import { describe, expect, test } from "vitest";
import { type Receipt, reasonOf, stepsOf, verdictOf } from "../src/features/answering/receipt.ts";

const receipt = (decision: Partial<Receipt["decision"]>, error: Receipt["error"] = null) =>
  ({ decision: { grounded: true, answered: true, confidence: null, minConfidence: null, why: "", ...decision }, error }) as Receipt;

describe("a receipt", () => {
  test("says in a word what became of the question", () => {
    expect(verdictOf(receipt({})).key).toBe("receipt.answered");
    expect(verdictOf(receipt({ grounded: false })).key).toBe("receipt.free");
    expect(verdictOf(receipt({ answered: false })).key).toBe("receipt.unanswered");
    expect(verdictOf(receipt({ why: "politeness", grounded: false })).key).toBe("receipt.courtesy");
    expect(verdictOf(receipt({}, ["No answer came within 60 s.", "upstream:chat"])).key).toBe("receipt.failed");
  });

  test("gives reasons in the reader's language where it knows them", () => {
    expect(reasonOf("the documents answer it")).toBe("receipt.whyAnswer");
    expect(reasonOf("something new")).toBe(null);
  });

  test("tells what each step took by itself", () => {
    const steps = stepsOf([["retrieved", 40], ["first text", 100], ["unheard of", 200]]);
    expect(steps.map(({ took }) => took)).toEqual([40, 60, 100]);
    expect(steps.map(({ share }) => share)).toEqual([0.2, 0.3, 0.5]);
    expect(steps.map(({ key }) => key)).toEqual(["receipt.stepRetrieved", "receipt.stepFirstText", null]);
    expect(stepsOf([])).toEqual([]);
  });
});
