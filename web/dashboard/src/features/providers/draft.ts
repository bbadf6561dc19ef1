/** A provider's settings as the form has them, and as the server takes them: whole, but for a key that stays. */
import type { Provider, ProviderInput, ProviderKind } from "@illumichat/api";

export const KINDS: { kind: ProviderKind; label: string }[] = [
  { kind: "openai", label: "OpenAI" },
  { kind: "anthropic", label: "Anthropic" },
  { kind: "gemini", label: "Google Gemini" },
  { kind: "xai", label: "xAI" },
  { kind: "mistral", label: "Mistral" },
  { kind: "groq", label: "Groq" },
  { kind: "deepseek", label: "DeepSeek" },
  { kind: "openrouter", label: "OpenRouter" },
  { kind: "ollama", label: "Ollama" },
  { kind: "openai-compatible", label: "" },
];

export interface Draft {
  kind: ProviderKind;
  name: string;
  apiKey: string;
  removeKey: boolean;
  baseUrl: string;
  models: string;
  enabled: boolean;
  fallbackModel: string;
  retries: number | null;
  firstByteSeconds: number | null;
  idleSeconds: number | null;
}

export function toDraft(provider: Provider | null): Draft {
  return {
    kind: provider?.kind ?? "openai",
    name: provider?.name ?? "openai",
    apiKey: "",
    removeKey: false,
    baseUrl: provider?.baseUrl ?? "",
    models: provider?.models.join("\n") ?? "",
    enabled: provider?.enabled ?? true,
    fallbackModel: provider?.fallbackModel ?? "",
    retries: provider?.retries ?? null,
    firstByteSeconds: provider?.firstByteSeconds ?? null,
    idleSeconds: provider?.idleSeconds ?? null,
  };
}

/** The lines of a text that say something. */
export const lines = (text: string): string[] => text.split("\n").map((line) => line.trim()).filter(Boolean);

export function toInput(draft: Draft): ProviderInput {
  const number = <K extends "retries" | "firstByteSeconds" | "idleSeconds">(key: K) => (draft[key] === null ? {} : { [key]: draft[key] });
  return {
    kind: draft.kind,
    ...(draft.removeKey ? { apiKey: null } : draft.apiKey.trim() ? { apiKey: draft.apiKey.trim() } : {}),
    baseUrl: draft.baseUrl.trim() || null,
    models: lines(draft.models),
    enabled: draft.enabled,
    fallbackModel: draft.fallbackModel.trim() || null,
    ...number("retries"),
    ...number("firstByteSeconds"),
    ...number("idleSeconds"),
  };
}
