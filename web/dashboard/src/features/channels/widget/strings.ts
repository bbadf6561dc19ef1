/** The widget's texts that a team would most want in its own words, as it has them in English. */
export const TEXTS = {
  subtitle: "AI assistant",
  greeting: "How can we help?",
  suggestions: "Suggested questions",
  placeholder: "Ask a question…",
  openChat: "Open chat",
  newChat: "New conversation",
  searching: "Looking it up…",
  sources: "Sources",
  delivered: "Delivered. Somebody will answer here.",
  errorServer: "Something went wrong on our side. Your message is kept: try again in a moment.",
  errorGone: "This chat is switched off at the moment.",
  disclaimer: "Answers are written by AI and can be wrong.",
} as const;

/** The widget's languages. */
export const LANGUAGES = ["en", "de", "fr", "es", "pt", "it", "nl", "pl", "tr", "ar", "he", "ja", "zh"] as const;
