/** How a change of an assistant is told. */
import type { Key } from "../../i18n/index.svelte.ts";

const labels: Record<string, Key> = {
  name: "assistants.name",
  instructions: "assistants.instructions",
  model: "assistants.model",
  visibility: "assistants.visibility",
  answerMode: "assistants.mode",
  temperature: "assistants.temperature",
  maxTokens: "assistants.maxTokens",
  welcomeMessage: "assistants.welcome",
  fallbackMessage: "assistants.fallback",
  suggestedQuestions: "assistants.questions",
  avatarUrl: "widget.avatar",
  webSearchEnabled: "tools.webSearch",
  widgetEnabled: "website.enabled",
  "widget.domains": "website.domains",
  "widget.theme.primaryColor": "widget.color",
  "widget.theme.colorScheme": "widget.scheme",
  "widget.theme.position": "widget.position",
  "widget.theme.launcher": "widget.launcher",
  "widget.theme.radius": "widget.radius",
  "widget.locale": "widget.language",
  "widget.leadForm.enabled": "widget.lead",
  "widget.leadForm.fields": "widget.leadFields",
  "widget.tickets.enabled": "widget.tickets",
  "widget.uploads.enabled": "widget.uploads",
  "handoff.enabled": "widget.handoff",
  "handoff.offlineMessage": "widget.offline",
  "handoff.escalateMinutes": "widget.escalate",
};

/** The field's name on the pages; null for one that no page has: it is shown as the server calls it. */
export function changeLabel(field: string): Key | null {
  return labels[field] ?? null;
}

/** A value as a text; empty where there is none. */
export function changeValue(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (Array.isArray(value)) return value.map(changeValue).join("\n");
  return typeof value === "object" ? JSON.stringify(value, null, 1) : String(value);
}
