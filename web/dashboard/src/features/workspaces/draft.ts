/** A workspace's settings as the form has them, and as the server takes them. */
import type { Workspace, WorkspaceInput } from "@illumichat/api";

export const DAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"] as const;
export const PRIORITIES = ["critical", "high", "normal", "low"] as const;
export type Day = (typeof DAYS)[number];

/** The name of a weekday in a language; 2024-01-01 was a Monday. */
export const dayName = (day: Day, tag: string): string =>
  new Intl.DateTimeFormat(tag, { weekday: "long", timeZone: "UTC" }).format(Date.UTC(2024, 0, 1 + DAYS.indexOf(day)));

const listed = (text: string) => text.split("\n").map((line) => line.trim()).filter(Boolean);

export function toDraft(workspace: Workspace) {
  const { settings } = workspace;
  const hours = settings.openingHours;
  const spans = (day: Day) => hours.filter(({ days }) => days.includes(day)).map(({ from, to }) => ({ from, to }));
  const target = (priority: (typeof PRIORITIES)[number]) => ({
    firstResponseMinutes: settings.slaTargets[priority].firstResponseMinutes ?? null,
    resolutionMinutes: settings.slaTargets[priority].resolutionMinutes ?? null,
  });
  return {
    name: workspace.name,
    description: workspace.description ?? "",
    timeZone: settings.timeZone,
    region: settings.region,
    locale: settings.locale,
    always: !hours.length,
    hours: Object.fromEntries(DAYS.map((day) => [day, spans(day)])) as Record<Day, { from: string; to: string }[]>,
    closedOn: settings.closedOn.join("\n"),
    targets: { critical: target("critical"), high: target("high"), normal: target("normal"), low: target("low") },
    contactRequired: settings.ticketContactRequired,
    retentionDays: settings.retentionDays ?? null,
    membersMayCreateTokens: settings.membersMayCreateTokens,
    notify: { email: settings.notify.email, browser: settings.notify.browser },
    brandName: settings.branding.name ?? "",
    logoUrl: settings.branding.logoUrl ?? "",
    color: settings.branding.color ?? "",
  };
}

export type Draft = ReturnType<typeof toDraft>;

export function toInput(draft: Draft): WorkspaceInput {
  const open = DAYS.flatMap((day) => draft.hours[day].map((span) => ({ days: [day], ...span })));
  // No span at all is what the server refuses; an empty list would mean always.
  const hours = draft.always ? [] : open.length ? open : [{ days: [], from: "00:00", to: "24:00" }];
  return {
    name: draft.name,
    description: draft.description.trim() || null,
    settings: {
      timeZone: draft.timeZone,
      region: draft.region.toUpperCase(),
      locale: draft.locale,
      openingHours: hours,
      closedOn: draft.always ? [] : listed(draft.closedOn),
      slaTargets: draft.targets,
      ticketContactRequired: draft.contactRequired,
      retentionDays: draft.retentionDays,
      membersMayCreateTokens: draft.membersMayCreateTokens,
      notify: draft.notify,
      branding: { name: draft.brandName.trim() || null, logoUrl: draft.logoUrl.trim() || null, color: draft.color.trim() || null },
    },
  };
}
