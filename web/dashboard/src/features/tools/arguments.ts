/** A form made of an action's parameters: which control each argument gets, and what was typed as the arguments of a call. */
import { type Property, propertiesOf } from "./schema.ts";

export type Kind = "text" | "number" | "integer" | "choice" | "json";

export interface Argument {
  name: string;
  kind: Kind;
  required: boolean;
  description: string;
  /** What a choice is between. */
  options: unknown[];
  /** What the control shows first. */
  start: string;
}

export type Fault = "missing" | "number" | "integer" | "json";

export function toArguments(schema: unknown): Argument[] {
  const required = (schema as { required?: string[] } | null)?.required ?? [];
  return Object.entries(propertiesOf(schema)).map(([name, property]) => {
    const [kind, options] = controlOf(property);
    const { description = "" } = property;
    return { name, kind, required: required.includes(name), description, options, start: startOf(kind, options, property.default) };
  });
}

function controlOf(property: Property): [Kind, unknown[]] {
  if (property.enum?.length) return ["choice", property.enum];
  const types = [property.type ?? []].flat().filter((type) => type !== "null");
  const [type] = types;
  if (types.length !== 1) return ["json", []];
  if (type === "boolean") return ["choice", [true, false]];
  if (type === "number" || type === "integer") return [type, []];
  return [type === "string" ? "text" : "json", []];
}

/** A choice is the place of an option among them. */
function startOf(kind: Kind, options: unknown[], value: unknown): string {
  if (value === undefined || value === null) return "";
  if (kind === "choice") return options.includes(value) ? String(options.indexOf(value)) : "";
  return kind === "json" ? JSON.stringify(value) : String(value);
}

/** What was typed as arguments; what is left empty is left out. */
export function collect(all: Argument[], typed: Record<string, string>): { values: Record<string, unknown>; faults: Record<string, Fault> } {
  const values: Record<string, unknown> = {};
  const faults: Record<string, Fault> = {};
  for (const argument of all) {
    const text = typed[argument.name] ?? "";
    if (text.trim() === "") {
      if (argument.required) faults[argument.name] = "missing";
      continue;
    }
    const read = readAs(argument, text);
    if ("fault" in read) faults[argument.name] = read.fault;
    else values[argument.name] = read.value;
  }
  return { values, faults };
}

function readAs({ kind, options }: Argument, text: string): { value: unknown } | { fault: Fault } {
  if (kind === "text") return { value: text };
  if (kind === "choice") return { value: options[Number(text)] };
  if (kind === "json") {
    try {
      return { value: JSON.parse(text) as unknown };
    } catch {
      return { fault: "json" };
    }
  }
  const value = Number(text);
  if (!Number.isFinite(value)) return { fault: "number" };
  return kind === "integer" && !Number.isInteger(value) ? { fault: "integer" } : { value };
}

/** The argument that the server refuses, and why: `arguments.count must be at most 9`. */
export function refusalOf(error: string, all: Argument[]): { name: string; why: string } | null {
  const rest = error.startsWith("arguments.") ? error.slice("arguments.".length) : "";
  const found = all.filter(({ name }) => rest.startsWith(name) && !/^\w/.test(rest.slice(name.length))).toSorted((a, b) => b.name.length - a.name.length)[0];
  return found ? { name: found.name, why: rest.slice(found.name.length).trim() } : null;
}
