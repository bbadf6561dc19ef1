/** Headers as rows of a form. */
export interface Pair {
  name: string;
  value: string;
  /** Whether the value is what the server showed of a stored secret. */
  stored: boolean;
}

export const toPairs = (headers: Record<string, string> | null | undefined, stored = false): Pair[] =>
  Object.entries(headers ?? {}).map(([name, value]) => ({ name, value, stored }));

/** The rows that have a name, as the server takes them. */
export const fromPairs = (pairs: Pair[]): Record<string, string> =>
  Object.fromEntries(pairs.flatMap(({ name, value }) => (name.trim() ? [[name.trim(), value]] : [])));

/** A program and its arguments of a line; quotes keep words together. */
export function toCommand(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map((found) => found[1] ?? found[2] ?? found[3] ?? "");
}

export const fromCommand = (command: string[]): string =>
  command.map((word) => (/\s|^$/.test(word) ? (word.includes('"') ? `'${word}'` : `"${word}"`) : word)).join(" ");
