/** How a conversation came to us, in words. */
import type { Conversation } from "@illumichat/api";
import type { Key } from "../../i18n/index.svelte.ts";

export const channels: Record<Conversation["channel"], Key> = {
  widget: "channel.widget",
  dashboard: "channel.dashboard",
  api: "channel.api",
  site: "channel.site",
  sms: "channel.sms",
};
