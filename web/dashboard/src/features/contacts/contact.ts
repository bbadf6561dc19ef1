/** How a contact is called and shown. */
import type { Contact, ContactSource } from "@illumichat/api";
import type { Key } from "../../i18n/index.svelte.ts";

type Named = Pick<Contact, "name" | "email" | "phone">;

/** What a contact is called: every one has at least one of the three. */
export function nameOf({ name, email, phone }: Named): string {
  return name || email || phone || "";
}

export function initialsOf(contact: Named): string {
  const first = (part: string) => Array.from(part)[0] ?? "";
  const words = nameOf(contact).split(/[\s@.+]+/).filter(Boolean);
  return words.slice(0, 2).map(first).join("").toUpperCase();
}

export const sources: Record<ContactSource, Key> = {
  widget: "contacts.sourceWidget",
  sms: "contacts.sourceSms",
  site: "contacts.sourceSite",
  import: "contacts.sourceImport",
  dashboard: "contacts.sourceDashboard",
  api: "contacts.sourceApi",
};

/** A value that programs or people have set, as text. */
export function attributeText(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
