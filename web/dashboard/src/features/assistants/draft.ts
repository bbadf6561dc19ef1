/** The editable part of an assistant as the form holds it, and what of it has changed. */
import type { Assistant, AssistantInput } from "@illumichat/api";

export interface Draft {
  name: string;
  instructions: string;
  /** Empty: whatever the workspace's default is. */
  model: string;
  visibility: Assistant["visibility"];
  answerMode: "" | "grounded" | "open";
  temperature: number;
  maxTokens: number;
  welcomeMessage: string;
  fallbackMessage: string;
  /** One a line. */
  suggestedQuestions: string;
}

export function toDraft(assistant: Assistant): Draft {
  return {
    name: assistant.name,
    instructions: assistant.instructions,
    model: assistant.modelInherited ? "" : assistant.model,
    visibility: assistant.visibility,
    answerMode: assistant.answerMode ?? "",
    temperature: assistant.temperature,
    maxTokens: assistant.maxTokens,
    welcomeMessage: assistant.welcomeMessage ?? "",
    fallbackMessage: assistant.fallbackMessage ?? "",
    suggestedQuestions: assistant.suggestedQuestions.join("\n"),
  };
}

export function lines(text: string): string[] {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean);
}

/** What to send: only what differs, so that two people who edit different things do not undo each other. */
export function changes(assistant: Assistant, draft: Draft): AssistantInput {
  const saved = toDraft(assistant);
  const changed: AssistantInput = {};
  if (draft.name !== saved.name) changed.name = draft.name;
  if (draft.instructions !== saved.instructions) changed.instructions = draft.instructions;
  if (draft.model !== saved.model) changed.model = draft.model || null;
  if (draft.visibility !== saved.visibility) changed.visibility = draft.visibility;
  if (draft.answerMode !== saved.answerMode) changed.answerMode = draft.answerMode || null;
  if (draft.temperature !== saved.temperature) changed.temperature = draft.temperature;
  if (draft.maxTokens !== saved.maxTokens) changed.maxTokens = draft.maxTokens;
  if (draft.welcomeMessage !== saved.welcomeMessage) changed.welcomeMessage = draft.welcomeMessage || null;
  if (draft.fallbackMessage !== saved.fallbackMessage) changed.fallbackMessage = draft.fallbackMessage || null;
  const questions = lines(draft.suggestedQuestions);
  if (questions.join("\n") !== saved.suggestedQuestions) changed.suggestedQuestions = questions;
  return changed;
}
