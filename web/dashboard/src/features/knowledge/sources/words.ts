/** What a website's settings and state are called. */
import type { WebSource } from "@illumichat/api";
import type { Key } from "../../../i18n/index.svelte.ts";

export const KIND: Record<WebSource["kind"], Key> = { page: "sources.kindPage", sitemap: "sources.kindSitemap", crawl: "sources.kindCrawl" };

export const SCHEDULE: Record<WebSource["schedule"], Key> = {
  off: "sources.off",
  hourly: "sources.hourly",
  daily: "sources.daily",
  weekly: "sources.weekly",
};

export const STATUS: Record<WebSource["status"], { key: Key; tone: "neutral" | "accent" | "good" | "bad" }> = {
  pending: { key: "sources.pending", tone: "neutral" },
  running: { key: "sources.running", tone: "accent" },
  completed: { key: "sources.completed", tone: "good" },
  failed: { key: "sources.failed", tone: "bad" },
};
