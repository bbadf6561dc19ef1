/** One form's way to the server: whether it is under way, and what was refused, field by field. */
import { ApiError } from "@illumichat/api";
import { t } from "../i18n/index.svelte.ts";

export class Submission {
  busy = $state(false);
  /** What concerns the whole form. */
  error = $state<string | null>(null);
  /** Why a field was refused, by its name. */
  details = $state<Record<string, string>>({});

  /** Runs the call; true when it went through. A second press while it runs does nothing. */
  async run(call: () => Promise<unknown>): Promise<boolean> {
    if (this.busy) return false;
    this.busy = true;
    this.clear();
    try {
      await call();
      return true;
    } catch (cause) {
      this.#take(cause);
      return false;
    } finally {
      this.busy = false;
    }
  }

  /** Why a field, or a part of it (`field[2]`, `field.part`), was refused: a sentence. */
  why(field: string): string | undefined {
    const [, why] = Object.entries(this.details).find(([name]) => belongs(name, field)) ?? [];
    return why === undefined ? undefined : sentence(why);
  }

  clear(field?: string): void {
    if (field === undefined) {
      this.error = null;
      this.details = {};
    } else if (this.why(field) !== undefined) {
      this.details = Object.fromEntries(Object.entries(this.details).filter(([name]) => !belongs(name, field)));
      // All that was wrong has been seen to.
      if (Object.keys(this.details).length === 0) this.error = null;
    }
  }

  #take(cause: unknown): void {
    if (cause instanceof ApiError) {
      this.details = cause.details;
      this.error = message(cause);
    } else {
      console.error(cause);
      this.error = t("problem.unexpected");
    }
  }
}

/** Whether a detail's name is a field's, or that of a part of it. */
export function belongs(name: string, field: string): boolean {
  return name === field || name.startsWith(`${field}[`) || name.startsWith(`${field}.`);
}

/** A sentence of what the server says as a part of one: what a field must be, why an answer was given. */
export function sentence(why: string): string {
  const text = why.charAt(0).toUpperCase() + why.slice(1);
  return /[.!?…]$/.test(text) ? text : `${text}.`;
}

/** A failure as a sentence: the server's own, save for those where the page knows better. */
export function message(cause: unknown): string {
  if (!(cause instanceof ApiError)) return t("problem.unexpected");
  if (cause.status === 0) return t("problem.offline");
  if (cause.status === 429 && cause.retryAfter) return t("problem.wait", { count: cause.retryAfter });
  if (cause.status === 500 && cause.requestId) return `${cause.message} ${t("problem.request", { id: cause.requestId })}`;
  return cause.message;
}
