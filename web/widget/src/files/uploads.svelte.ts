/** Files on their way into a message: picked, dropped or pasted. */
import { ApiError } from "@illumichat/api";
import type en from "./en.ts";
import { fill } from "../locales/index.ts";
import type { View } from "../panel/view.svelte.ts";
import type { Attachment } from "../types.ts";

/** Drawings of 24 × 24. */
export const CLIP =
  "m19.5 11.5-7.8 7.8a4.6 4.6 0 0 1-6.5-6.5l8-8a3.1 3.1 0 0 1 4.4 4.4l-8 8a1.5 1.5 0 0 1-2.2-2.2l7.2-7.2";
export const FILE = "M6 3.5h8l4.5 4.5v12.5H6zM13.5 4v4.5h4.5";
const MOST_FILES = 10;
const MOST_BYTES = 10 * 2 ** 20;
export const ACCEPTED = "image/png,image/jpeg,image/gif,image/webp,application/pdf,text/*,.md,.csv,.log,.json,.xml,.yml,.yaml";

export interface Sending {
  name: string;
  /** 0 to 1. */
  share: number;
  done: Attachment | null;
  abort(): void;
}

/** A size as people write it. */
export function size(bytes: number, tag: string): string {
  const [value, unit] =
    bytes < 1000 ? [bytes, "byte"] : bytes < 1e6 ? [bytes / 1024, "kilobyte"] : [bytes / 2 ** 20, "megabyte"];
  const maximumFractionDigits = value < 10 ? 1 : 0;
  return new Intl.NumberFormat(tag, { style: "unit", unit, maximumFractionDigits }).format(value);
}

export class Uploads {
  list = $state<Sending[]>([]);
  /** Why a file was not taken. */
  problem = $state("");

  #view: View;
  #strings: typeof en;

  constructor(view: View, strings: typeof en) {
    this.#view = view;
    this.#strings = strings;
  }

  add(files: Iterable<File>): void {
    this.problem = "";
    for (const file of files) {
      this.problem = this.#refusal(file) || this.problem;
      if (!this.#refusal(file)) this.#send(file);
    }
  }

  remove(gone: Sending): void {
    gone.abort();
    this.list = this.list.filter((each) => each !== gone);
    this.#tell();
  }

  /** The message with these files is on its way. */
  clear(): void {
    this.list = [];
    this.problem = "";
    this.#tell();
  }

  #tell(): void {
    this.#view.uploading = this.list.some(({ done }) => !done);
    this.#view.files = this.list.flatMap(({ done }) => done ?? []);
  }

  /** Why a file is not even tried; the server looks into it, and has the last word. */
  #refusal({ name, size: bytes, type }: File): string {
    const most = this.#most;
    const { tag } = this.#view.language;
    if (this.list.length >= MOST_FILES) return fill(this.#strings.fileCount, { n: MOST_FILES });
    if (!bytes) return fill(this.#strings.fileEmpty, { name });
    if (bytes > most) return fill(this.#strings.fileTooLarge, { name, size: size(most, tag) });
    if (/^(audio|video|font)\/|zip|compressed|msword|officedocument|image\/(?!png|jpeg|gif|webp)/.test(type))
      return fill(this.#strings.fileType, { name });
    return "";
  }

  get #most(): number {
    return Math.min(this.#view.host.config.uploads?.maxBytes || MOST_BYTES, MOST_BYTES);
  }

  #send(file: File): void {
    const { name } = file;
    const abort = new AbortController();
    this.list.push({ name, share: 0, done: null, abort: () => abort.abort() });
    const sending = this.list.at(-1)!;
    this.#tell();
    this.#upload(file, abort.signal, (share) => (sending.share = share)).then(
      (done) => {
        sending.done = done;
        this.#tell();
        this.#view.announcer?.say(fill(this.#strings.uploaded, { name }));
      },
      (error: ApiError) => {
        if (!this.list.includes(sending)) return;
        this.remove(sending);
        const { tag } = this.#view.language;
        this.problem =
          error.status === 413
            ? fill(this.#strings.fileTooLarge, { name, size: size(this.#most, tag) })
            : fill(error.status === 415 ? this.#strings.fileType : this.#strings.fileFailed, { name });
      },
    );
  }

  /** One file; `fetch` cannot tell how far it is. */
  async #upload(file: File, signal: AbortSignal, progress: (share: number) => void): Promise<Attachment> {
    const { chat } = this.#view;
    const session = await chat.begin();
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      request.open("POST", `${chat.transport.base}/uploads`);
      request.setRequestHeader("Authorization", `Widget ${session.sessionToken}`);
      request.responseType = "json";
      request.upload.onprogress = ({ loaded, total }) => progress(loaded / total);
      request.onload = () =>
        request.status === 201
          ? resolve(request.response as Attachment)
          : reject(new ApiError(request.status, (request.response as object) ?? {}));
      request.onerror = request.onabort = () => reject(ApiError.offline());
      signal.addEventListener("abort", () => request.abort());
      const form = new FormData();
      form.append("file", file, file.name || "image.png");
      request.send(form);
    });
  }
}
