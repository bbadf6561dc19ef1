/** Uploads with progress, which `fetch` cannot tell. */
import { ApiError, isProblem } from "./problem.ts";
import type { Uploaded } from "./types.ts";

export interface Upload {
  done: Promise<Uploaded>;
  /** Gives up; `done` then fails with an `AbortError`. */
  abort(): void;
}

/** Sends one file to a project. `onProgress` gets the share of the bytes that have left, 0 to 1. */
export function uploadDocument(
  workspaceId: string,
  projectId: string,
  file: File,
  onProgress: (share: number) => void,
): Upload {
  const request = new XMLHttpRequest();
  const done = new Promise<Uploaded>((resolve, reject) => {
    request.upload.onprogress = (event) => {
      if (event.lengthComputable) onProgress(event.loaded / event.total);
    };
    request.onerror = () => reject(ApiError.offline());
    request.onabort = () => reject(new DOMException("The upload was stopped.", "AbortError"));
    request.onload = () => {
      const body: unknown = request.response;
      if (request.status >= 200 && request.status < 300) {
        onProgress(1);
        resolve(body as Uploaded);
      } else {
        reject(new ApiError(request.status, isProblem(body) ? body : {}));
      }
    };
  });
  const form = new FormData();
  form.append("file", file, file.name);
  request.open("POST", `/api/workspaces/${encodeURIComponent(workspaceId)}/projects/${encodeURIComponent(projectId)}/documents`);
  request.responseType = "json";
  request.send(form);
  return { done, abort: () => request.abort() };
}
