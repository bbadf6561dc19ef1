/** Takes a file in the widget's preview as the server would, and keeps it in this page alone. */

const MOST_BYTES = 10 * 1024 * 1024;

/** Stands where the widget has its `XMLHttpRequest`, by which it does nothing but upload. */
export function uploadsInPage(most: () => number | null | undefined): new () => object {
  return class {
    status = 0;
    response: object | null = null;
    responseType = "";
    upload: { onprogress: ((event: { loaded: number; total: number }) => void) | null } = { onprogress: null };
    onload: (() => void) | null = null;
    onabort: (() => void) | null = null;
    #aborted = false;

    open(): void {}
    setRequestHeader(): void {}

    send(form: FormData): void {
      const file = form.get("file") as File;
      setTimeout(() => {
        if (this.#aborted) return;
        const { name: filename, type: mimeType, size: bytes } = file;
        this.upload.onprogress?.({ loaded: bytes, total: bytes });
        this.status = bytes > (most() || MOST_BYTES) ? 413 : 201;
        this.response = { id: crypto.randomUUID(), filename, mimeType, bytes, url: URL.createObjectURL(file) };
        this.onload?.();
      });
    }

    abort(): void {
      this.#aborted = true;
      this.onabort?.();
    }
  };
}
