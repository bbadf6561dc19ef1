/** The widget's settings as the form holds them, and what of them has changed. */
import type { Assistant, AssistantInput, WidgetConfig } from "@illumichat/api";
import { lines } from "../../assistants/draft.ts";

export const LEAD_FIELDS = ["name", "email", "phone", "company"] as const;

export interface WidgetDraft {
  widgetEnabled: boolean;
  visibility: Assistant["visibility"];
  welcomeMessage: string;
  /** One a line. */
  suggestedQuestions: string;
  avatarUrl: string;
  /** One a line. */
  domains: string;
  /** Empty: the widget's own. */
  primaryColor: string;
  colorScheme: "auto" | "light" | "dark";
  /** Empty: where the page's lines end. */
  position: "" | "left" | "right";
  /** Empty: a round button without a word. */
  launcher: string;
  radius: number;
  /** Empty: the visitor's own language. */
  locale: string;
  strings: Record<string, string>;
  leadForm: boolean;
  leadRequired: boolean;
  leadFields: string[];
  tickets: boolean;
  uploads: boolean;
  uploadMegabytes: number | null;
  proactive: boolean;
  proactiveMessage: string;
  proactiveSeconds: number | null;
  branding: boolean;
  handoff: boolean;
  offlineMessage: string;
  escalateMinutes: number | null;
}

/** The corner radius that the widget has by itself, in pixels. */
export const RADIUS = 16;
const MEGABYTE = 1024 * 1024;

export function toWidgetDraft(assistant: Assistant): WidgetDraft {
  const { widget, handoff } = assistant;
  return {
    widgetEnabled: assistant.widgetEnabled,
    visibility: assistant.visibility,
    welcomeMessage: assistant.welcomeMessage ?? "",
    suggestedQuestions: assistant.suggestedQuestions.join("\n"),
    avatarUrl: assistant.avatarUrl ?? "",
    domains: widget.domains.join("\n"),
    primaryColor: widget.theme.primaryColor ?? "",
    colorScheme: widget.theme.colorScheme,
    position: widget.theme.position ?? "",
    launcher: widget.theme.launcher === "bubble" ? "" : (widget.theme.launcher ?? ""),
    radius: widget.theme.radius ?? RADIUS,
    locale: widget.locale ?? "",
    strings: { ...widget.strings },
    leadForm: widget.leadForm.enabled,
    leadRequired: widget.leadForm.required,
    leadFields: [...widget.leadForm.fields],
    tickets: widget.tickets.enabled,
    uploads: widget.uploads.enabled,
    uploadMegabytes: widget.uploads.maxBytes ? Math.round(widget.uploads.maxBytes / MEGABYTE) : null,
    proactive: widget.proactive.enabled,
    proactiveMessage: widget.proactive.message ?? "",
    proactiveSeconds: widget.proactive.delaySeconds ?? null,
    branding: widget.branding ?? true,
    handoff: handoff.enabled,
    offlineMessage: handoff.offlineMessage ?? "",
    escalateMinutes: handoff.escalateMinutes ?? null,
  };
}

/** A draft as the server writes it. */
export function toInput(draft: WidgetDraft) {
  const strings = Object.entries(draft.strings).filter(([, text]) => text.trim());
  return {
    widgetEnabled: draft.widgetEnabled,
    visibility: draft.visibility,
    welcomeMessage: draft.welcomeMessage || null,
    suggestedQuestions: lines(draft.suggestedQuestions),
    avatarUrl: draft.avatarUrl.trim() || null,
    widget: {
      domains: lines(draft.domains),
      theme: {
        primaryColor: draft.primaryColor.trim().toLowerCase() || null,
        colorScheme: draft.colorScheme,
        position: draft.position || null,
        launcher: draft.launcher.trim() || null,
        radius: draft.radius,
      },
      locale: draft.locale || null,
      strings: Object.fromEntries(strings.map(([name, text]) => [name, text.trim()])),
      leadForm: { enabled: draft.leadForm, required: draft.leadRequired, fields: draft.leadFields },
      tickets: { enabled: draft.tickets },
      uploads: { enabled: draft.uploads, maxBytes: draft.uploadMegabytes ? draft.uploadMegabytes * MEGABYTE : null },
      proactive: { enabled: draft.proactive, message: draft.proactiveMessage.trim() || null, delaySeconds: draft.proactiveSeconds },
      branding: draft.branding,
    },
    handoff: {
      enabled: draft.handoff,
      offlineMessage: draft.offlineMessage.trim() || null,
      escalateMinutes: draft.escalateMinutes,
    },
  } satisfies AssistantInput;
}

/** What to send: only what differs, at any depth, so that what others change meanwhile stays. */
export function widgetChanges(assistant: Assistant, draft: WidgetDraft): AssistantInput {
  return (difference(toInput(toWidgetDraft(assistant)), toInput(draft)) ?? {}) as AssistantInput;
}

type Plain = Record<string, unknown>;
const isPlain = (value: unknown): value is Plain => typeof value === "object" && value !== null && !Array.isArray(value);

/** A JSON Merge Patch that makes `after` of `before`; undefined where they are the same. */
export function difference<T extends object>(before: T, after: T): Partial<T> | undefined {
  const from = before as Plain;
  const to = after as Plain;
  const patch: Plain = {};
  for (const key of new Set([...Object.keys(from), ...Object.keys(to)])) {
    const [was, is] = [from[key], to[key]];
    if (isPlain(was) && isPlain(is)) {
      const inner = difference(was, is);
      if (inner) patch[key] = inner;
    } else if (JSON.stringify(was) !== JSON.stringify(is)) {
      patch[key] = is ?? null;
    }
  }
  return Object.keys(patch).length > 0 ? (patch as Partial<T>) : undefined;
}

export type PreviewConfig = WidgetConfig;

/** What the widget would be told, were the draft saved. */
export function previewConfig(assistant: Assistant, draft: WidgetDraft): PreviewConfig {
  const { widget, ...input } = toInput(draft);
  return {
    assistantId: "preview",
    name: assistant.name,
    avatarUrl: input.avatarUrl,
    welcomeMessage: input.welcomeMessage,
    suggestedQuestions: input.suggestedQuestions,
    theme: widget.theme,
    locale: widget.locale,
    strings: widget.strings,
    leadForm: widget.leadForm,
    tickets: { ...widget.tickets, contactRequired: false },
    handoff: { enabled: draft.handoff, online: true },
    uploads: { ...widget.uploads, maxBytes: widget.uploads.maxBytes ?? 10 * MEGABYTE },
    proactive: { enabled: false },
    branding: widget.branding,
  };
}
