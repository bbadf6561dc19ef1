/** The browser's own notifications: off until somebody wants them here. */
import type { Conversation } from "@illumichat/api";
import { t } from "../../i18n/index.svelte.ts";
import { navigate } from "../../router.ts";
import type { LiveEvent } from "../../session/live.ts";
import { session } from "../../session/session.svelte.ts";

const STORED = "illumichat.notify";

class Notices {
  readonly #known = "Notification" in globalThis;
  /** The workspace may do without. */
  possible = $derived(this.#known && session.workspace?.settings.notify.browser !== false);
  on = $state(this.#known && Notification.permission === "granted" && read() === "1");
  refused = $state(false);

  async set(on: boolean): Promise<boolean> {
    const granted = on && (await Notification.requestPermission()) === "granted";
    this.refused = on && !granted;
    this.on = granted;
    try {
      localStorage.setItem(STORED, granted ? "1" : "");
    } catch {
      // Storage is closed to us: the choice holds until the page is left.
    }
    return granted;
  }

  /** Tells of a customer who wants a person, unless the page is being looked at. */
  hear({ type, data }: LiveEvent): void {
    if (!this.on || !this.possible || type !== "conversation.handed_off" || document.visibilityState === "visible") return;
    const { id: conversationId, title } = data as Conversation;
    const notice = new Notification(t("inbox.notifyTitle"), { body: title ?? t("conversations.untitled"), tag: conversationId });
    notice.onclick = () => {
      window.focus();
      void navigate("/inbox/:conversationId", { params: { conversationId } });
      notice.close();
    };
  }
}

function read(): string | null {
  try {
    return localStorage.getItem(STORED);
  } catch {
    return null;
  }
}

export const notices = new Notices();
