import { describe, expect, test } from "vitest";
import { toWebAddress } from "../src/features/inbox/words.ts";
import { formatBrief, formatCost, formatMillis, formatMoment, languageName } from "../src/i18n/format.ts";

const at = (day: number, hour = 14, minute = 5, year = 2026) => new Date(year, 10, day, hour, minute);
const now = at(21, 15).getTime();
const iso = (date: Date) => date.toISOString();

describe("a time in a list", () => {
  test("is the hour today, the weekday this week, else the date", () => {
    expect(formatBrief(iso(at(21)), now)).toMatch(/2:05|14:05/);
    expect(formatBrief(iso(at(20, 23, 59)), now)).toBe("Fri");
    expect(formatBrief(iso(at(15)), now)).toBe("Sun");
    expect(formatBrief(iso(at(14)), now)).toMatch(/14/);
    expect(formatBrief(iso(at(14)), now)).not.toMatch(/2026/);
    expect(formatBrief(iso(at(14, 9, 0, 2025)), now)).toMatch(/2025/);
  });

  test("keeps its hour beside a text", () => {
    expect(formatMoment(iso(at(21)), now)).not.toMatch(/Sat|Nov/);
    expect(formatMoment(iso(at(24, 9, 0)), now)).toMatch(/Tue.*9:00/);
    expect(formatMoment(iso(at(2)), now)).toMatch(/2026/);
  });
});

test("what something took and cost is written for reading", () => {
  expect(formatMillis(340)).toBe("340 ms");
  expect(formatMillis(1240)).toBe("1.2 sec");
  expect(formatCost(12.5)).toBe("12.50");
  expect(formatCost(0)).toBe("0.00");
  expect(formatCost(0.000123)).toBe("0.00012");
});

test("a language has its name, and a stranger's word for one is no failure", () => {
  expect(languageName("de")).toBe("German");
  expect(languageName("not a language")).toBe("not a language");
});

test("only addresses of the web can be gone to", () => {
  expect(toWebAddress("https://lamps.example/?a=1")).toEqual({ href: "https://lamps.example/?a=1", short: "lamps.example?a=1" });
  expect(toWebAddress("https://lamps.example/arc")?.short).toBe("lamps.example/arc");
  expect(toWebAddress(`https://lamps.example/${"x".repeat(200)}`)?.short).toHaveLength(80);
  for (const other of ["javascript:alert(1)", "data:text/html,x", "lamps", ""]) expect(toWebAddress(other)).toBe(null);
});
