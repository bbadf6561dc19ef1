/** An answer's whole origin, as `GET …/messages/{messageId}/receipt` tells it. The server's document leaves its shape open. */
import { ApiError } from "@illumichat/api";

export interface ReceiptPassage {
  source: number;
  documentId: string;
  title: string;
  headings: string[];
  text: string;
  score: number;
  keywordRank: number | null;
  vectorRank: number | null;
}

export interface Receipt {
  question: string;
  passages: ReceiptPassage[];
  decision: {
    grounded: boolean;
    answered: boolean;
    confidence: number | null;
    minConfidence: number | null;
    why: string;
  };
  model: string;
  servedBy: string;
  fallbacks: { from: string; message: string }[];
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
