/** Every page's address, in one place. All but the frame is fetched when it is gone to. */
import { createRouter } from "sv-router";

export const { p, navigate, isActive, route } = createRouter({
  "/": () => import("./features/home/Home.svelte"),
  "/setup": () => import("./features/access/Setup.svelte"),
  "/signin": () => import("./features/access/SignIn.svelte"),
  "/assistants": {
    "/": () => import("./features/assistants/AssistantList.svelte"),
    "/:assistantId": {
      "/": () => import("./features/assistants/AssistantPage.svelte"),
      "/widget": () => import("./features/channels/widget/WidgetPage.svelte"),
      "/sms": () => import("./features/channels/sms/SmsPage.svelte"),
      "/sites": () => import("./features/channels/sites/SitesPage.svelte"),
      "/tools": () => import("./features/tools/AssistantToolsPage.svelte"),
      "/access": () => import("./features/assistants/AccessPage.svelte"),
      "/versions": () => import("./features/assistants/VersionsPage.svelte"),
    },
  },
  "/knowledge": {
    "/": () => import("./features/knowledge/ProjectList.svelte"),
    "/:projectId": {
      "/": () => import("./features/knowledge/DocumentsPage.svelte"),
      "/search": () => import("./features/knowledge/SearchPage.svelte"),
      "/settings": () => import("./features/knowledge/ProjectSettings.svelte"),
      "/documents/:documentId": () => import("./features/knowledge/DocumentPage.svelte"),
    },
  },
  "/inbox": {
    "/": () => import("./features/inbox/InboxPage.svelte"),
    "/:conversationId": () => import("./features/inbox/InboxPage.svelte"),
  },
  "/conversations": {
    "/": () => import("./features/inbox/ToInbox.svelte"),
    "/:conversationId": () => import("./features/inbox/ToInbox.svelte"),
  },
  "/contacts": {
    "/": () => import("./features/contacts/ContactsPage.svelte"),
    "/import": () => import("./features/contacts/ImportPage.svelte"),
    "/:contactId": () => import("./features/contacts/ContactPage.svelte"),
  },
  "/tickets": {
    "/": () => import("./features/tickets/TicketsPage.svelte"),
    "/:ticketId": () => import("./features/tickets/TicketPage.svelte"),
  },
  "/analytics": {
    "/": () => import("./features/analytics/OverviewPage.svelte"),
    "/questions": () => import("./features/analytics/QuestionsPage.svelte"),
    "/gaps": () => import("./features/analytics/GapsPage.svelte"),
  },
  "/settings": {
    "/": () => import("./features/workspaces/WorkspaceSettings.svelte"),
    "/tokens": () => import("./features/access/TokensPage.svelte"),
    "/macros": () => import("./features/inbox/MacrosPage.svelte"),
    "/models": () => import("./features/workspaces/ModelsPage.svelte"),
    "/tools": () => import("./features/tools/ToolsPage.svelte"),
    "/webhooks": () => import("./features/webhooks/WebhooksPage.svelte"),
    "/webhooks/:webhookId": () => import("./features/webhooks/WebhookPage.svelte"),
  },
  "*": () => import("./shell/NotFound.svelte"),
});

/** Pages for people who are not signed in: without the frame. */
export const outside = ["/signin", "/setup"];
