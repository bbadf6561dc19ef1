/** What a failed request means for the visitor: which sentence, and whether and when to try again. */
import { ApiError } from "@illumichat/api";
import type { Strings } from "../locales/index.ts";
import { fill } from "../locales/index.ts";
import type { Failure } from "./message.ts";

export function toFailure(error: unknown, now = Date.now()): Failure {
  const code = error instanceof ApiError ? error.code : "internal:client";
  const status = error instanceof ApiError ? error.status : 500;
  const wait = error instanceof ApiError ? error.retryAfter : null;
  if (status === 429) return { code: "rate_limit:widget", until: now + (wait ?? 10) * 1000, retry: true };
  if (status === 413 || status === 400) return { code: "too_large:widget", until: 0, retry: false };
  return { code, until: wait ? now + wait * 1000 : 0, retry: status !== 403 && status !== 404 };
}

/** The sentence for a failure: what happened and what to do. */
export function failureText(failure: Failure, strings: Strings, tag: string, now = Date.now()): string {
  switch (failure.code.split(":", 1)[0]) {
    case "offline":
      return strings.errorNetwork;
    case "rate_limit": {
      const seconds = Math.max(1, Math.ceil((failure.until - now) / 1000));
      const [value, unit] = seconds > 90 ? [Math.ceil(seconds / 60), "minute"] : [seconds, "second"];
      const time = new Intl.NumberFormat(tag, { style: "unit", unit, unitDisplay: "long" }).format(value);
      return fill(strings.errorLimit, { time });
    }
    case "forbidden":
      return strings.errorForbidden;
    case "not_found":
      return strings.errorGone;
    case "too_large":
      return strings.errorTooLong;
    case "connection_lost":
      return strings.errorLost;
    default:
      return strings.errorServer;
  }
}
