/** What the visitor can do besides asking, and how far they are with it. */
import type { ApiError } from "@illumichat/api";
import type { Message } from "../chat/message.ts";
import type { View } from "../panel/view.svelte.ts";
import en, { type FormStrings } from "./en.ts";
import { People } from "./people.svelte.ts";
import { Sound } from "./sound.svelte.ts";

export type Values = Record<string, string>;

export class Desk {
  /** The form that stands in the conversation's place. */
  sheet = $state<"lead" | "ticket" | null>(null);
  /** Whether the lead form stands before the chat. */
  gate = $state(false);
  /** Whether the visitor has left an address, or the page has told who they are. */
  known = $state(false);
  /** What went wrong, or right, in a sentence below the conversation. */
  problem = $state("");
  /** Whether nobody is there and an address would help. */
  addressed = $state(false);

  readonly strings: FormStrings;
  readonly people: People;
  readonly sound: Sound;
  #view: View;
  #held: string[] = [];
  #stop: () => void;

  constructor(view: View) {
    this.#view = view;
    this.strings = { ...en, ...view.language.strings };
    const { chat, host } = view;
    const { leadForm } = host.config;
    let made!: [People, Sound];
    this.#stop = $effect.root(() => {
      made = [new People(view, this.strings), new Sound(view)];
      const hasFiles = $derived(host.config.uploads?.enabled || chat.messages.some((each) => each.attachments.length));
      $effect(() => {
        if (hasFiles) void import("../files/files.ts").then(({ attach }) => (view.filer ??= attach(view)));
      });
      $effect(() => {
        if (chat.identified || chat.latest?.contact || chat.store.known) this.known = true;
        this.gate = !!(leadForm?.enabled && leadForm.required) && !this.known && !chat.messages.length;
        if (!this.gate || chat.history === "loading") return;
        this.sheet = "lead";
        return () => (this.sheet = null);
      });
    });
    [this.people, this.sound] = made;
  }

  end(): void {
    this.#stop();
  }

  get canHandOff(): boolean {
    return !!this.#view.host.config.handoff?.enabled && !this.#view.person && !this.people.waiting;
  }

  /** Whether the form has to come first: then the text waits for it. */
  holds(text: string): boolean {
    if (this.gate) this.#held.push(text);
    else queueMicrotask(() => this.#view.filer?.uploads.clear());
    return this.gate;
  }

  /** Asks for a person. What is true of them the server says in the conversation. */
  async handOff(): Promise<void> {
    const { chat, host } = this.#view;
    await this.#try(async () => {
      const answer = await chat.call("handoff", { body: { reason: "customer_request" } });
      const { form } = (await answer.json()) as { form: boolean };
      await chat.sync();
      this.addressed = form && !this.known;
      host.emit("handoff", { name: null });
    });
  }

  /** Says what an answer, or the conversation, was worth; again replaces it. */
  async rate(message: Message | null, rating: "up" | "down", comment?: string): Promise<boolean> {
    const before = message?.rating ?? null;
    if (message) message.rating = rating;
    const body = { ...(message && { messageId: message.id }), rating, ...(comment && { comment }) };
    const done = await this.#try(() => this.#view.chat.call("feedback", { body }));
    if (!done && message) message.rating = before;
    return done;
  }

  async leave(values: Values): Promise<void> {
    const { chat, host } = this.#view;
    const { name, email, phone, company, ...fields } = values;
    const body = { name, email, phone, company, fields };
    const answer = await chat.call("lead", { body });
    const { leadId } = (await answer.json()) as { leadId: string };
    chat.store.known = true;
    this.known = true;
    this.addressed = this.gate = false;
    this.sheet = null;
    this.#say(this.strings.leadDone);
    host.emit("lead", { leadId });
    for (const text of this.#held.splice(0)) await chat.send(text).catch(() => {});
  }

  async open(values: Values): Promise<void> {
    const { chat, host } = this.#view;
    const { assistantId } = host.options;
    const answer = await chat.call("../tickets/create", { body: { assistantId, ...values } });
    const { ticket } = (await answer.json()) as { ticket: { number: number } };
    if (values.email) this.known = true;
    this.sheet = null;
    this.#say(this.strings.ticketDone.replace("{n}", `${ticket.number}`));
  }

  /** A line in the conversation, which is read out as well. */
  #say(text: string): void {
    this.#view.chat.note(text);
    this.#view.announcer?.say(text);
  }

  async #try(what: () => Promise<unknown>): Promise<boolean> {
    this.problem = "";
    try {
      await what();
      return true;
    } catch (error) {
      this.problem = this.reason(error as ApiError);
      return false;
    }
  }

  /** Why the server did not take something, in the visitor's language. */
  reason({ status }: ApiError): string {
    if (status === 0) return this.strings.errorNetwork;
    if (status === 400 || status === 422) return this.strings.check;
    return status < 500 && status !== 429 ? this.strings.notTaken : this.strings.errorServer;
  }
}
