/** What a message's state on the network means. */
import type { Key } from "../../../i18n/index.svelte.ts";

interface State {
  /** Null for a word of Twilio's that is not known here: it is shown as it is. */
  key: Key | null;
  tone: "neutral" | "accent" | "good" | "warn" | "bad";
}

const states: Record<string, State> = {
  received: { key: "sms.stateReceived", tone: "good" },
  queued: { key: "sms.stateQueued", tone: "accent" },
  retrying: { key: "sms.stateRetrying", tone: "warn" },
  accepted: { key: "sms.stateQueued", tone: "accent" },
  sending: { key: "sms.stateSent", tone: "accent" },
  sent: { key: "sms.stateSent", tone: "accent" },
  delivered: { key: "sms.stateDelivered", tone: "good" },
  read: { key: "sms.stateDelivered", tone: "good" },
  undelivered: { key: "sms.stateUndelivered", tone: "bad" },
  failed: { key: "sms.stateFailed", tone: "bad" },
};

export function smsState(status: string): State {
  return states[status] ?? { key: null, tone: "neutral" };
}
