/** An answer's whole origin, as `GET …/messages/{messageId}/receipt` tells it. The server's document leaves its shape open. */
import { ApiError } from "@illumichat/api";
import type { Key } from "../../i18n/index.svelte.ts";

export interface ReceiptPassage {
  source: number;
  documentId: string;
  title: string;
  headings: string[];
  text: string;
  /** Where it stands in its document, in characters. */
  start: number;
  end: number;
  score: number;
  keywordRank: number | null;
  vectorRank: number | null;
  /** Where a reranker placed it, if there is one. */
  rerank: { rank: number; score: number } | null;
}

export interface ReceiptTool {
  toolCallId: string;
  toolName: string;
  args: unknown;
  result: unknown;
  ms: number;
}

export interface Receipt {
  question: string;
  /** The question as the model put it for the search, where it did. */
  resolved: string | null;
  /** What was asked before and counted for the search. */
  earlier: string[];
  passages: ReceiptPassage[];
  decision: {
    grounded: boolean;
    answered: boolean;
    confidence: number | null;
    minConfidence: number | null;
    why: string;
  };
  /** What the model was told, as roles and texts. */
  prompt: [string, string][];
  model: string;
  servedBy: string;
  fallbacks: { from: string; failure: string; message: string }[];
  tools: ReceiptTool[];
  usage: { inputTokens: number; outputTokens: number };
  /** Null where the model has no price. */
  cost: number | null;
  /** What the visitor was told, and the code. */
  error: [string, string] | null;
  finishReason: string;
  /** Milliseconds since the question was taken, step by step. */
  timingsMs: [string, number][];
}

export const getReceipt = (ws: string, chatId: string, messageId: string) => ({
  queryKey: ["conversations", ws, chatId, "receipt", messageId] as const,
  queryFn: async (): Promise<Receipt> => {
    const path = [ws, "conversations", chatId, "messages", messageId].map(encodeURIComponent).join("/");
    const response = await fetch(`/api/workspaces/${path}/receipt`).catch(() => {
      throw ApiError.offline();
    });
    if (!response.ok) throw await ApiError.from(response);
    return (await response.json()) as Receipt;
  },
});

const COURTESY = "politeness";

/** Why, as a text of ours; null for words that are not known here. */
export function reasonOf(why: string): Key | null {
  const reasons: Record<string, Key> = {
    [COURTESY]: "receipt.whyCourtesy",
    "the documents answer it": "receipt.whyAnswer",
    "the documents do not answer the question": "receipt.whyNone",
    "the model answered": "receipt.whyModel",
    "the model found no answer in the passages": "receipt.whyModelNone",
    "nothing that the model said stands in the passages": "receipt.whyUnfounded",
    "one passage falls short as a whole, but has what is asked": "receipt.whyPassage",
  };
  return reasons[why] ?? null;
}

export function verdictOf({ decision, error }: Receipt): { key: Key; tone: "good" | "warn" | "bad" | "neutral" } {
  if (error) return { key: "receipt.failed", tone: "bad" };
  if (decision.why === COURTESY) return { key: "receipt.courtesy", tone: "neutral" };
  if (!decision.answered) return { key: "receipt.unanswered", tone: "warn" };
  return decision.grounded ? { key: "receipt.answered", tone: "good" } : { key: "receipt.free", tone: "good" };
}

const steps: Record<string, Key> = {
  resolved: "receipt.stepResolved",
  retrieved: "receipt.stepRetrieved",
  "first text": "receipt.stepFirstText",
  done: "receipt.stepDone",
};

/** What each step took by itself, and its share of the whole. */
export function stepsOf(timings: [string, number][]): { step: string; key: Key | null; took: number; share: number }[] {
  const whole = Math.max(1, timings.at(-1)?.[1] ?? 0);
  return timings.map(([step, at], place) => {
    const took = at - (timings[place - 1]?.[1] ?? 0);
    return { step, key: steps[step] ?? null, took, share: took / whole };
  });
}
