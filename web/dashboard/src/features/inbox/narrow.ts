/** A way for what stands beside a conversation to say what the list shall show. */
import { createContext } from "svelte";
import type { More } from "./filter.ts";

export const [getNarrow, setNarrow] = createContext<(more: More) => void>();
