import type { Member } from "@illumichat/api";
import { describe, expect, test } from "vitest";
import { labelled, linePath, scale } from "../src/features/analytics/chart.ts";
import { initialsOf, nameOf } from "../src/features/contacts/contact.ts";
import { decode, guess, preview } from "../src/features/contacts/csv.ts";
import { detailOf, hrefOf } from "../src/features/contacts/timeline.ts";
import { told } from "../src/features/tickets/activity.ts";
import { dueOf } from "../src/features/tickets/due.ts";
import { movesFrom } from "../src/features/tickets/words.ts";

describe("a list of contacts", () => {
  test("is read with whichever delimiter its first line has, quotes and lines in cells", () => {
    const { columns, rows } = preview('Name;E-Mail;Note\n"Doe; Jane";jane@example.com;"two\nlines, ""so"""\n\nBob;bob@example.com\n');
    expect(columns).toEqual(["Name", "E-Mail", "Note"]);
    expect(rows).toEqual([
      ["Doe; Jane", "jane@example.com", 'two\nlines, "so"'],
      ["Bob", "bob@example.com", ""],
    ]);
  });

  test("may be the export of a spreadsheet of the West, or have a mark at its beginning", () => {
    expect(decode(new Uint8Array([0x5a, 0x6f, 0xeb]))).toBe("Zoë");
    expect(decode(new TextEncoder().encode("\ufeffName"))).toBe("Name");
    // The look ends within a letter: it is still UTF-8.
    expect(decode(new TextEncoder().encode("Zoë").slice(0, 3), false)).toBe("Zo");
  });

  test("has its columns guessed, each field once", () => {
    expect(guess(["Full name", "E-Mail", "email", "Telefon", "Kunden-Nr.", "Plan", "attributes.shop"])).toEqual({
      "Full name": "name",
      "E-Mail": "email",
      Telefon: "phone",
      "Kunden-Nr.": "externalId",
      "attributes.shop": "attributes.shop",
    });
  });
});

test("a contact is called by what there is", () => {
  expect(nameOf({ name: null, email: "ada@example.com", phone: "+49301234567" })).toBe("ada@example.com");
  expect(initialsOf({ name: "Ada King Lovelace" })).toBe("AK");
  expect(initialsOf({ email: "ada@example.com" })).toBe("AE");
});

test("a timeline leads to what has a page, and speaks in words", () => {
  const entry = { id: "x", title: null, createdAt: "2026-11-21T10:00:00Z" };
  expect(hrefOf({ ...entry, kind: "conversation" })).toBe("/inbox/x");
  expect(hrefOf({ ...entry, kind: "note" })).toBeNull();
  expect(detailOf({ ...entry, kind: "conversation", detail: "widget · open" })).toBe("Website · open");
  expect(detailOf({ ...entry, kind: "ticket", detail: "in_progress" })).toBe("In progress");
  expect(detailOf({ ...entry, kind: "note", detail: "open" })).toBe("open");
});

describe("what is due", () => {
  const now = Date.parse("2026-11-21T10:00:00Z");
  const minutes = { firstResponseMinutes: 60, resolutionMinutes: 480 };
  const targets = { critical: minutes, high: minutes, normal: minutes, low: { firstResponseMinutes: null, resolutionMinutes: 480 } };

  test("is the first answer until there is one, where the priority asks for one", () => {
    const due = (given: object) => dueOf({ dueAt: "2026-11-21T12:00:00Z", priority: "normal", ...given }, targets, now);
    expect(due({})).toEqual({ at: "2026-11-21T12:00:00Z", target: "first_response", state: "calm" });
    expect(due({ firstResponseAt: "2026-11-21T09:00:00Z" })?.target).toBe("resolution");
    expect(due({ priority: "low" })?.target).toBe("resolution");
    expect(due({ dueAt: null })).toBeNull();
  });

  test("is soon, and then late", () => {
    const state = (dueAt: string) => dueOf({ dueAt, priority: "normal" }, targets, now)?.state;
    expect(state("2026-11-21T10:59:00Z")).toBe("soon");
    expect(state("2026-11-21T10:00:00Z")).toBe("late");
  });
});

test("out of spam a ticket only opens", () => {
  expect(movesFrom("spam")).toEqual(["open"]);
  expect(movesFrom("open")).not.toContain("open");
  expect(movesFrom("closed")).toContain("new");
});

test("a change is told in words, from what to what", () => {
  const members = [{ userId: "usr_1", name: "Ada" }] as Member[];
  expect(told({ field: "status", from: null, to: "new" }, members)).toEqual({ what: "Ticket created" });
  expect(told({ field: "status", from: "new", to: "in_progress" }, members)).toEqual({ what: "Status", from: "New", to: "In progress" });
  expect(told({ field: "assigneeId", from: null, to: "usr_1" }, members)).toEqual({ what: "Assignee", from: "nothing", to: "Ada" });
  expect(told({ field: "breaches", from: ["first_response"], to: ["first_response", "resolution"] }, members)).toEqual({ what: "Target missed:", to: "Resolution" });
  expect(told({ field: "description", from: "a", to: "b" }, members)).toEqual({ what: "Description" });
});

describe("a chart", () => {
  test("has round lines up to its largest value, and none between whole numbers", () => {
    expect(scale(0)).toEqual({ top: 1, ticks: [0, 1] });
    expect(scale(3).ticks).toEqual([0, 1, 2, 3]);
    expect(scale(37)).toEqual({ top: 40, ticks: [0, 10, 20, 30, 40] });
    expect(scale(101_000).top).toBe(150_000);
  });

  test("never swings beyond its points", () => {
    const path = linePath([[0, 10], [10, 0], [20, 0], [30, 10]]);
    const ys = [...path.matchAll(/-?[\d.]+ (-?[\d.]+)/g)].map((match) => Number(match[1]));
    expect(Math.min(...ys)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...ys)).toBeLessThanOrEqual(10);
    expect(linePath([])).toBe("");
  });

  test("labels as many days as have room, the last one always", () => {
    expect(labelled(31, 5)).toEqual([2, 9, 16, 23, 30]);
    expect(labelled(8, 10)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });
});
