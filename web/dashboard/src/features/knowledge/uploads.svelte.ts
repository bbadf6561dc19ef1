/** The files on their way to one project. A few at a time, so that a folder of hundreds does not drown the browser. */
import { type Upload, uploadDocument } from "@illumichat/api";
import { message } from "../../components/submission.svelte.ts";
import { t } from "../../i18n/index.svelte.ts";

const AT_ONCE = 3;

export interface Sending {
  id: number;
  name: string;
  bytes: number;
  /** The share of the bytes that have left. */
  share: number;
  error: string | null;
}

export class Uploads {
  list = $state<Sending[]>([]);
  #waiting: { file: File; entry: Sending }[] = [];
  // eslint-disable-next-line svelte/prefer-svelte-reactivity -- nothing on a page is drawn from it
  #running = new Map<number, Upload>();
  #next = 0;
  readonly #workspaceId: string;
  readonly #projectId: string;
  readonly #arrived: () => Promise<unknown> | void;

  /** `arrived` is called after each file that the server has; the entry stays until it is through. */
  constructor(workspaceId: string, projectId: string, arrived: () => Promise<unknown> | void) {
    this.#workspaceId = workspaceId;
    this.#projectId = projectId;
    this.#arrived = arrived;
  }

  add(files: Iterable<File>): void {
    for (const file of files) {
      const entry = $state<Sending>({ id: (this.#next += 1), name: file.name, bytes: file.size, share: 0, error: null });
      this.list.push(entry);
      this.#waiting.push({ file, entry });
    }
    this.#start();
  }

  /** Stops one, or takes one that failed off the list. */
  remove(id: number): void {
    this.#waiting = this.#waiting.filter(({ entry }) => entry.id !== id);
    this.#running.get(id)?.abort();
    this.list = this.list.filter((entry) => entry.id !== id);
  }

  #start(): void {
    while (this.#running.size < AT_ONCE) {
      const next = this.#waiting.shift();
      if (!next) return;
      void this.#send(next.file, next.entry);
    }
  }

  async #send(file: File, entry: Sending): Promise<void> {
    const upload = uploadDocument(this.#workspaceId, this.#projectId, file, (share) => (entry.share = share));
    this.#running.set(entry.id, upload);
    try {
      const { errors } = await upload.done;
      if (errors?.[0]) entry.error = errors[0].error;
      await this.#arrived();
    } catch (cause) {
      const stopped = cause instanceof DOMException && cause.name === "AbortError";
      if (!stopped) entry.error = file.size === 0 ? t("documents.emptyFile") : message(cause);
    }
    this.#running.delete(entry.id);
    if (!entry.error) this.list = this.list.filter((each) => each.id !== entry.id);
    this.#start();
  }
}
