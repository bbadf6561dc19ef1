/** What models cost, as the form has it in rows, and as a change of the workspace's settings. */
import type { Workspace } from "@illumichat/api";

type Prices = Workspace["settings"]["modelPrices"];

export interface Row {
  model: string;
  input: number | null;
  output: number | null;
}

export const toRows = (prices: Prices): Row[] =>
  Object.entries(prices)
    .map(([model, { input, output }]) => ({ model, input, output }))
    .toSorted((a, b) => a.model.localeCompare(b.model));

/** The rows laid over what is set: null takes a price away, which the types of the document do not say. */
export function toChange(rows: Row[], before: Prices): Prices {
  const named = rows.filter(({ model }) => model.trim());
  const after = named.map(({ model, input, output }) => [model.trim(), { input: input ?? 0, output: output ?? 0 }] as const);
  const gone = Object.keys(before).map((model) => [model, null] as const);
  return Object.fromEntries([...gone, ...after]) as Prices;
}
