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
  return new Intl.DateTimeFormat(region(), { dateStyle: "medium", timeStyle: "short" }).format(new Date(time));
}

export function formatDate(time: string): string {
  return new Intl.DateTimeFormat(region(), { dateStyle: "medium" }).format(new Date(time));
}

/** A calendar day like `2026-11-21`, which is the same wherever it is read. */
export function formatDay(date: string, options: Intl.DateTimeFormatOptions = { day: "numeric", month: "short" }): string {
  return new Intl.DateTimeFormat(region(), { ...options, timeZone: "UTC" }).format(new Date(`${date}T00:00:00Z`));
}

/** A span of time in its largest fitting unit: "42 sec", "3.5 min", "2 hr". */
export function formatSeconds(seconds: number): string {
  const [unit, value] = seconds < 90 ? (["second", seconds] as const) : seconds < 5400 ? (["minute", seconds / 60] as const) : (["hour", seconds / 3600] as const);
  return formatNumber(value, { style: "unit", unit, unitDisplay: "short", maximumFractionDigits: value < 10 ? 1 : 0 });
}

/** What something took: "340 ms", "1.2 sec". */
export function formatMillis(milliseconds: number): string {
  if (milliseconds >= 1000) return formatSeconds(milliseconds / 1000);
  return formatNumber(milliseconds, { style: "unit", unit: "millisecond", unitDisplay: "short", maximumFractionDigits: 0 });
}
