/** What the lines of the audit log tell of, in words. One that is newer than this page shows its own name. */
import type { Key } from "../../i18n/index.svelte.ts";

export const ACTIONS: Record<string, Key> = {
  "account.created": "audit.accountCreated",
  "session.created": "audit.sessionCreated",
  "session.refused": "audit.sessionRefused",
  "session.ended": "audit.sessionEnded",
  "session.revoked": "audit.sessionRevoked",
  "password.changed": "audit.passwordChanged",
  "password.reset": "audit.passwordReset",
  "totp.enabled": "audit.totpEnabled",
  "totp.disabled": "audit.totpDisabled",
  "workspace.created": "audit.workspaceCreated",
  "workspace.updated": "audit.workspaceUpdated",
  "workspace.transferred": "audit.workspaceTransferred",
  "workspace.deleted": "audit.workspaceDeleted",
  "invitation.created": "audit.invitationCreated",
  "invitation.revoked": "audit.invitationRevoked",
  "member.joined": "audit.memberJoined",
  "member.role_changed": "audit.memberRoleChanged",
  "member.removed": "audit.memberRemoved",
  "token.created": "audit.tokenCreated",
  "token.revoked": "audit.tokenRevoked",
  "assistant.deleted": "audit.assistantDeleted",
  "project.deleted": "audit.projectDeleted",
  "document.deleted": "audit.documentDeleted",
  "conversation.deleted": "audit.conversationDeleted",
  "conversation.exported": "audit.conversationExported",
  "contact.deleted": "audit.contactDeleted",
  "contact.exported": "audit.contactExported",
  "ticket.deleted": "audit.ticketDeleted",
  "provider.saved": "audit.providerSaved",
  "provider.deleted": "audit.providerDeleted",
  "sms.saved": "audit.smsSaved",
  "sms.deleted": "audit.smsDeleted",
  "webhook.saved": "audit.webhookSaved",
  "webhook.deleted": "audit.webhookDeleted",
};

/** What else there is to say, as a line: `from: member · to: admin`. */
export function detailLine(details: unknown): string {
  if (typeof details !== "object" || details === null) return "";
  return Object.entries(details)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name}: ${typeof value === "object" ? JSON.stringify(value) : String(value)}`)
    .join(" · ");
}

/** A day of a date field as the moment that it begins, or the next one does, where the reader is. */
export function moment(day: string, end = false): string | undefined {
  if (!day) return undefined;
  const date = new Date(`${day}T00:00:00`);
  if (end) date.setDate(date.getDate() + 1);
  return date.toISOString();
}
