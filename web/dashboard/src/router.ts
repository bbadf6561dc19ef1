/** Every page's address, in one place. All but the frame is fetched when it is gone to. */
import { createRouter } from "sv-router";

export const { p, navigate, isActive, route } = createRouter({
  "/": () => import("./features/home/Home.svelte"),
  "/setup": () => import("./features/access/Setup.svelte"),
  "/signup": () => import("./features/access/SignUp.svelte"),
  "/signin": () => import("./features/access/SignIn.svelte"),
  "/forgot-password": () => import("./features/access/ForgotPassword.svelte"),
  "/reset-password": () => import("./features/access/ResetPassword.svelte"),
  "/invitations/:token": () => import("./features/people/InvitationPage.svelte"),
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
      "/qa": () => import("./features/knowledge/qa/QaPage.svelte"),
      "/sources": () => import("./features/knowledge/sources/SourcesPage.svelte"),
      "/sources/:sourceId": () => import("./features/knowledge/sources/SourcePage.svelte"),
      "/members": () => import("./features/knowledge/ProjectMembersPage.svelte"),
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
    "/members": () => import("./features/people/MembersPage.svelte"),
    "/account": () => import("./features/account/AccountPage.svelte"),
    "/audit": () => import("./features/audit/AuditPage.svelte"),
    "/tokens": () => import("./features/access/TokensPage.svelte"),
    "/macros": () => import("./features/inbox/MacrosPage.svelte"),
    "/models": () => import("./features/providers/ModelsPage.svelte"),
    "/tools": () => import("./features/tools/ToolsPage.svelte"),
    "/webhooks": () => import("./features/webhooks/WebhooksPage.svelte"),
    "/webhooks/:webhookId": () => import("./features/webhooks/WebhookPage.svelte"),
  },
  "*": () => import("./shell/NotFound.svelte"),
});

/** Pages for people who need not be signed in: without the frame. */
export const isOutside = (pathname: string) => /^\/(signin|signup|setup|forgot-password|reset-password|invitations\/[^/]+)$/.test(pathname);
