/** The roles, from the least to the most, and which of them somebody may give. */
import type { Role } from "@illumichat/api";
import type { Key } from "../../i18n/index.svelte.ts";

export const ROLES: Role[] = ["guest", "member", "admin", "owner"];

export const ABOUT: Record<Role, Key> = {
  guest: "members.aboutGuest",
  member: "members.aboutMember",
  admin: "members.aboutAdmin",
  owner: "members.aboutOwner",
};

/** Only owners make owners. */
export const rolesFor = (mine: Role | undefined): Role[] => (mine === "owner" ? ROLES : ROLES.filter((role) => role !== "owner"));

/** Owners are the business of owners; everybody else is also that of admins. */
export const mayChange = (mine: Role | undefined, theirs: Role): boolean => mine === "owner" || (mine === "admin" && theirs !== "owner");
