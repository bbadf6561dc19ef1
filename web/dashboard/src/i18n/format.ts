/** Numbers and times as the chosen language writes them. */
import { locale } from "./index.svelte.ts";

/** The chosen language as it is written where the reader lives, if the browser knows: English dates differ. */
function region(): string {
  return navigator.languages.find((tag) => tag.split("-", 1)[0] === locale()) ?? locale();
}

export function formatNumber(value: number, options?: Intl.NumberFormatOptions): string {
  return new Intl.NumberFormat(region(), options).format(value);
}

const units = ["byte", "kilobyte", "megabyte", "gigabyte"] as const;

export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return formatNumber(value, {
    style: "unit",
    unit: units[unit],
    unitDisplay: unit === 0 ? "long" : "short",
    maximumFractionDigits: unit === 0 || value >= 100 ? 0 : 1,
  });
}

const steps: [Intl.RelativeTimeFormatUnit, number][] = [
  ["year", 365 * 86_400],
  ["month", 30 * 86_400],
  ["week", 7 * 86_400],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];

/** "3 minutes ago"; under a minute "now". */
export function formatAgo(time: string, now = Date.now()): string {
  const seconds = (Date.parse(time) - now) / 1000;
  const format = new Intl.RelativeTimeFormat(region(), { numeric: "auto" });
  for (const [unit, size] of steps) {
    if (Math.abs(seconds) >= size) return format.format(Math.trunc(seconds / size), unit);
  }
  return format.format(0, "second");
}

export function formatTime(time: string): string {
  return write(time, { dateStyle: "medium", timeStyle: "short" });
}

export function formatDate(time: string): string {
  return write(time, { dateStyle: "medium" });
}

/** Whole days from today to then, as the reader's calendar counts them: -1 is yesterday. */
function daysAway(time: string, now: number): number {
  const midnight = (at: Date) => new Date(at.getFullYear(), at.getMonth(), at.getDate()).getTime();
  return Math.round((midnight(new Date(time)) - midnight(new Date(now))) / 86_400_000);
}

/** For a narrow list: the time of today's, the weekday of this week's, else the date. */
export function formatBrief(time: string, now = Date.now()): string {
  const away = Math.abs(daysAway(time, now));
  const sameYear = new Date(time).getFullYear() === new Date(now).getFullYear();
  const date: Intl.DateTimeFormatOptions = { day: "numeric", month: "short", ...(sameYear ? {} : { year: "numeric" }) };
  return write(time, away === 0 ? { timeStyle: "short" } : away < 7 ? { weekday: "short" } : date);
}

/** A time beside its text: without the day where it is today's, with the weekday where it is this week's. */
export function formatMoment(time: string, now = Date.now()): string {
  const away = Math.abs(daysAway(time, now));
  if (away === 0) return write(time, { timeStyle: "short" });
  return away < 7 ? write(time, { weekday: "short", hour: "numeric", minute: "2-digit" }) : formatTime(time);
}

const write = (time: string, options: Intl.DateTimeFormatOptions) => new Intl.DateTimeFormat(region(), options).format(new Date(time));

/** A calendar day like `2026-11-21`, which is the same wherever it is read. */
export function formatDay(date: string, options: Intl.DateTimeFormatOptions = { day: "numeric", month: "short" }): string {
  return new Intl.DateTimeFormat(region(), { ...options, timeZone: "UTC" }).format(new Date(`${date}T00:00:00Z`));
}

/** A span of time in its largest fitting unit: "340 ms", "42 sec", "3.5 min", "2 hr". */
export function formatSeconds(seconds: number): string {
  if (seconds < 1) return formatNumber(seconds * 1000, { style: "unit", unit: "millisecond", unitDisplay: "short", maximumFractionDigits: 0 });
  const [unit, value] = seconds < 90 ? (["second", seconds] as const) : seconds < 5400 ? (["minute", seconds / 60] as const) : (["hour", seconds / 3600] as const);
  return formatNumber(value, { style: "unit", unit, unitDisplay: "short", maximumFractionDigits: value < 10 ? 1 : 0 });
}

/** What something took: "340 ms", "1.2 sec". */
export const formatMillis = (milliseconds: number): string => formatSeconds(milliseconds / 1000);

/** "German (Austria)" of `de-AT`; the tag itself where it is none. */
export function languageName(tag: string): string {
  try {
    return new Intl.DisplayNames(region(), { type: "language" }).of(tag) ?? tag;
  } catch {
    return tag;
  }
}

/** An amount in the workspace's own currency, which has no sign: "12.50"; of less than a cent, what there is of it. */
export function formatCost(cost: number): string {
  return formatNumber(cost, cost > 0 && cost < 0.01 ? { maximumSignificantDigits: 2 } : { minimumFractionDigits: 2, maximumFractionDigits: 2 });
}
