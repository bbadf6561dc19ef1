/** A list's filters in the page's address, so that they survive a reload and the way back. */
import { searchParams } from "sv-router";

/** What the address has under a name; follows it. */
export function fromAddress(name: string): string {
  return searchParams.toURLSearchParams().get(name) ?? "";
}

/** One of some words; the first where the address has none of them. */
export function choiceFromAddress<const T extends string>(name: string, words: readonly [T, ...T[]]): T {
  const word = fromAddress(name);
  return words.find((each) => each === word) ?? words[0];
}

/** Writes values into the address without a new step in the history; what is empty is left out. */
export function toAddress(values: Record<string, string>): void {
  for (const [name, value] of Object.entries(values)) {
    if (value) searchParams.set(name, value, { replace: true });
    else searchParams.delete(name, undefined, { replace: true });
  }
}
