/** The typed client: every operation of the server's document, failures as `ApiError`. */
import createClient, { type Client } from "openapi-fetch";
import { ApiError, isProblem } from "./problem.ts";
import type { paths } from "./schema.ts";

export type Api = Client<paths>;

/** `baseUrl` is the server's origin; left out, the page's own. */
export function createApi(options: { baseUrl?: string; fetch?: typeof fetch } = {}): Api {
  return createClient<paths>({
    baseUrl: options.baseUrl ?? "",
    credentials: "same-origin",
    ...(options.fetch ? { fetch: options.fetch } : {}),
  });
}

/** Waits for a call and gives its data, or throws an `ApiError`. */
export async function unwrap<T>(call: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  let result;
  try {
    result = await call;
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === "AbortError") throw cause;
    throw ApiError.offline();
  }
  const { data, error, response } = result;
  if (response.ok) return data as T;
  throw new ApiError(response.status, isProblem(error) ? error : {}, response.headers);
}
