import { ApiError } from "@illumichat/api";
import { render, screen } from "@testing-library/svelte";
import { describe, expect, test, vi } from "vitest";
import Problem from "../src/components/Problem.svelte";
import { Submission } from "../src/components/submission.svelte.ts";

const refused = new ApiError(400, {
  error: "Some fields are not right.",
  code: "bad_request:api",
  details: { name: "Too long.", other: "Odd." },
});

describe("a submission", () => {
  test("holds what was refused, and forgets a field when it is mended", async () => {
    const submission = new Submission();
    expect(await submission.run(() => Promise.reject(refused))).toBe(false);
    expect(submission.details).toEqual({ name: "Too long.", other: "Odd." });
    submission.clear("name");
    expect(submission.details).toEqual({ other: "Odd." });
    submission.clear("other");
    expect(submission.error).toBeNull();
    expect(await submission.run(async () => undefined)).toBe(true);
    expect(submission.error).toBeNull();
  });

  test("gives what was refused as a sentence, parts of a field included", async () => {
    const submission = new Submission();
    const details = { name: "must have at most 120 characters", "widget.domains[1]": "must be a host." };
    await submission.run(() => Promise.reject(new ApiError(400, { error: "No.", code: "bad_request:api", details })));
    expect(submission.why("name")).toBe("Must have at most 120 characters.");
    expect(submission.why("widget.domains")).toBe("Must be a host.");
    expect(submission.why("widget.domain")).toBeUndefined();
    submission.clear("widget.domains");
    expect(submission.details).toEqual({ name: details.name });
  });

  test("runs once at a time", async () => {
    const submission = new Submission();
    const call = vi.fn(() => new Promise((resolve) => setTimeout(resolve, 5)));
    await Promise.all([submission.run(call), submission.run(call)]);
    expect(call).toHaveBeenCalledTimes(1);
  });

  test("says how long to wait", async () => {
    const submission = new Submission();
    const limited = new ApiError(429, { error: "Slow down.", code: "rate_limit:api" }, new Headers({ "retry-after": "3" }));
    await submission.run(() => Promise.reject(limited));
    expect(submission.error).toContain("3 seconds");
  });
});

test("a problem shows the details that no field shows", async () => {
  const submission = new Submission();
  await submission.run(() => Promise.reject(refused));
  render(Problem, { submission, fields: ["name"] });
  const alert = screen.getByRole("alert");
  expect(alert.textContent).toContain("Some fields are not right.");
  expect(alert.textContent).toContain("other: Odd.");
  expect(alert.textContent).not.toContain("Too long.");
});

test("a problem that the fields tell is not told twice", async () => {
  const submission = new Submission();
  await submission.run(() => Promise.reject(refused));
  render(Problem, { submission, fields: ["name", "other"] });
  expect(screen.getByRole("alert").textContent).toContain("2 marked fields");
  expect(screen.getByRole("alert").textContent).not.toContain("Some fields");
});
