/** What the server, or the way to it, said went wrong: one error class for every call. */
import type { Problem } from "./types.ts";

export class ApiError extends Error {
  /** The HTTP status, or 0 where no answer came at all. */
  readonly status: number;
  /** `type:context`, such as `bad_request:api`; `offline:client` where no answer came. */
  readonly code: string;
  /** For each wrong field, why. */
  readonly details: Record<string, string>;
  /** Seconds to wait before trying again, where the server named them. */
  readonly retryAfter: number | null;
  /** What the server's log calls this request. */
  readonly requestId: string | null;

  constructor(status: number, problem: Partial<Problem>, headers?: Headers) {
    super(problem.error || `The server answered ${status}.`);
    this.name = "ApiError";
    this.status = status;
    this.code = problem.code ?? "unknown:client";
    this.details = problem.details ?? {};
    const wait = Number(headers?.get("retry-after"));
    this.retryAfter = Number.isFinite(wait) && wait > 0 ? wait : null;
    this.requestId = headers?.get("x-request-id") ?? null;
  }

  /** The part before the colon: `not_found`, `rate_limit`, … */
  get type(): string {
    return this.code.split(":", 1)[0] ?? this.code;
  }

  /** No answer: the server is down, or the network is. */
  static offline(): ApiError {
    return new ApiError(0, { error: "The server cannot be reached.", code: "offline:client" });
  }

  /** Reads the problem out of a failed response; a body that is none of ours (a proxy's page) is not shown. */
  static async from(response: Response): Promise<ApiError> {
    const body: unknown = await response.json().catch(() => null);
    return new ApiError(response.status, isProblem(body) ? body : {}, response.headers);
  }
}

export function isProblem(body: unknown): body is Problem {
  return typeof body === "object" && body !== null && "error" in body && typeof body.error === "string";
}
