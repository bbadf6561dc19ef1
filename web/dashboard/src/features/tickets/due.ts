/** By when the next thing on a ticket is to be done, and how pressing that is. */
import type { Ticket, Workspace } from "@illumichat/api";

type Targets = Workspace["settings"]["slaTargets"];

export interface Due {
  at: string;
  target: "first_response" | "resolution";
  state: "late" | "soon" | "calm";
}

const SOON = 60 * 60_000;

export function dueOf(ticket: Pick<Ticket, "dueAt" | "firstResponseAt" | "priority">, targets: Targets | undefined, now: number): Due | null {
  if (!ticket.dueAt) return null;
  const awaitsAnswer = !ticket.firstResponseAt && targets?.[ticket.priority].firstResponseMinutes !== null;
  const left = Date.parse(ticket.dueAt) - now;
  return {
    at: ticket.dueAt,
    target: awaitsAnswer ? "first_response" : "resolution",
    state: left <= 0 ? "late" : left < SOON ? "soon" : "calm",
  };
}
