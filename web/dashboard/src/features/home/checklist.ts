/** The steps from nothing to an answer on one's own site, and which of them are behind us. */
import type { Assistant, Project } from "@illumichat/api";
import type { Key } from "../../i18n/index.svelte.ts";

export interface Step {
  id: "knowledge" | "assistant" | "connect" | "ask" | "site";
  title: Key;
  text: Key;
  href: string;
  done: boolean;
}

export function checklist(assistants: Assistant[], projects: Project[], conversations: number): Step[] {
  const filled = projects.some((project) => project.documentCount > 0);
  const connected = assistants.find((assistant) => assistant.projectCount > 0);
  const assistant = connected ?? assistants[0];
  const page = assistant ? `/assistants/${assistant.id}` : "/assistants?new";
  return [
    {
      id: "knowledge",
      title: "home.knowledge",
      text: "home.knowledgeText",
      href: projects[0] ? `/knowledge/${projects[0].id}` : "/knowledge?new",
      done: filled,
    },
    { id: "assistant", title: "home.assistant", text: "home.assistantText", href: page, done: assistants.length > 0 },
    { id: "connect", title: "home.connect", text: "home.connectText", href: page, done: connected !== undefined },
    { id: "ask", title: "home.ask", text: "home.askText", href: page, done: conversations > 0 },
    {
      id: "site",
      title: "home.site",
      text: "home.siteText",
      href: assistant ? `${page}/widget` : page,
      done: assistants.some((each) => each.widgetEnabled),
    },
  ];
}
