/** What is being written in a conversation, kept while one looks elsewhere: text, files, and a suggestion on its way. */
import { type Answer, ApiError, emptyAnswer, foldAnswer, type Message, readChatStream, type Source } from "@illumichat/api";
import { message } from "../../components/submission.svelte.ts";
import { t } from "../../i18n/index.svelte.ts";

export interface Sending {
  id: number;
  name: string;
  /** Once it is there. */
  file: Message["attachments"][number] | null;
  error: string | null;
}

export class Draft {
  mode = $state<"reply" | "note">("reply");
  reply = $state("");
  note = $state("");
  files = $state<Sending[]>([]);
  /** What a suggestion was made from, until the reply is sent. */
  sources = $state.raw<Source[]>([]);
  suggesting = $state(false);
  error = $state<string | null>(null);
  #abort: AbortController | null = null;
  #next = 0;

  get text(): string {
    return this.mode === "note" ? this.note : this.reply;
  }
  set text(value: string) {
    if (this.mode === "note") this.note = value;
    else this.reply = value;
  }

  get empty(): boolean {
    return !this.text.trim() && !this.files.some((each) => each.file);
  }
  get uploading(): boolean {
    return this.files.some((each) => !each.file && !each.error);
  }

  clear(): void {
    this.text = "";
    this.files = [];
    this.error = null;
    if (this.mode === "reply") this.sources = [];
  }

  attach(ws: string, list: Iterable<File>): void {
    for (const file of list) {
      const sending = $state<Sending>({ id: (this.#next += 1), name: file.name, file: null, error: null });
      this.files.push(sending);
      upload(ws, file).then(
        (kept) => (sending.file = kept),
        (cause: unknown) => (sending.error = message(cause)),
      );
    }
  }

  detach(id: number): void {
    this.files = this.files.filter((each) => each.id !== id);
  }

  /** Lets the assistant suggest a reply, which grows in the field; what stood there comes back if it fails. */
  async suggest(ws: string, id: string): Promise<void> {
    const before = this.reply;
    this.mode = "reply";
    this.suggesting = true;
    this.error = null;
    this.#abort = new AbortController();
    try {
      const address = `/api/workspaces/${encodeURIComponent(ws)}/conversations/${encodeURIComponent(id)}/draft`;
      const response = await fetch(address, { method: "POST", signal: this.#abort.signal }).catch((cause: unknown) => {
        if (cause instanceof DOMException && cause.name === "AbortError") throw cause;
        throw ApiError.offline();
      });
      if (!response.ok || !response.body) throw await ApiError.from(response);
      let answer: Answer = emptyAnswer();
      for await (const event of readChatStream(response.body)) {
        answer = foldAnswer(answer, event);
        if (answer.text && answer.answered !== false) this.reply = plain(answer.text, answer.sources);
      }
      if (answer.status === "failed") throw new ApiError(502, { error: answer.error ?? "", code: answer.code ?? "" });
      if (answer.answered === false) {
        // What the assistant says where it knows nothing is no reply that a person would send.
        this.reply = before;
        this.error = t("inbox.draftSilent");
      } else {
        this.sources = answer.sources;
      }
    } catch (cause) {
      if (cause instanceof DOMException && cause.name === "AbortError") return;
      this.reply = before;
      this.error = message(cause);
    } finally {
      this.suggesting = false;
      this.#abort = null;
    }
  }

  stop(): void {
    this.#abort?.abort();
  }
}

/** Without the marks of citations: a customer has no list of sources to look them up in. */
export function plain(text: string, sources: Pick<Source, "index">[]): string {
  const known = sources.map((source) => source.index);
  return text.replace(/ ?\[(\d+(?:, ?\d+)*)\]/g, (mark, list: string) => (list.split(",").every((each) => known.includes(Number(each))) ? "" : mark));
}

async function upload(ws: string, file: File): Promise<Message["attachments"][number]> {
  const form = new FormData();
  form.append("file", file, file.name);
  const response = await fetch(`/api/workspaces/${encodeURIComponent(ws)}/uploads`, { method: "POST", body: form }).catch(() => {
    throw ApiError.offline();
  });
  if (!response.ok) throw await ApiError.from(response);
  return (await response.json()) as Message["attachments"][number];
}

// eslint-disable-next-line svelte/prefer-svelte-reactivity -- nothing watches which there are
const drafts = new Map<string, Draft>();

export function draftOf(conversationId: string): Draft {
  let draft = drafts.get(conversationId);
  if (!draft) drafts.set(conversationId, (draft = new Draft()));
  return draft;
}
