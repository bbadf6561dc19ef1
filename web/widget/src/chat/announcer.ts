/**
 * What a screen reader is told: an answer in whole sentences as they are finished, never the single words of a stream.
 * The visible log is `aria-live="off"`; this hidden region beside it is polite.
 */
import { plainText } from "@illumichat/ui/markdown";

const KEPT = 12;

export class Announcer {
  #region: HTMLElement;
  #told = 0;
  #answer = "";

  constructor(region: HTMLElement) {
    this.#region = region;
  }

  say(text: string): void {
    if (!text.trim()) return;
    const line = document.createElement("p");
    line.textContent = text;
    this.#region.append(line);
    while (this.#region.children.length > KEPT) this.#region.firstElementChild!.remove();
  }

  /** A new answer begins. */
  begin(text: string): void {
    this.#told = 0;
    this.#answer = "";
    this.say(text);
  }

  /** The answer as far as it has come; says the sentences that are new and finished, at the end all that is left. */
  follow(markdown: string, ended: boolean): void {
    if (!ended && markdown.length - this.#answer.length < 40) return;
    this.#answer = markdown;
    const plain = plainText(markdown);
    const end = ended ? plain.length : lastSentenceEnd(plain);
    if (end <= this.#told) return;
    this.say(plain.slice(this.#told, end).trim());
    this.#told = end;
  }
}

/** Where the last finished sentence, or line, ends. */
export function lastSentenceEnd(text: string): number {
  const ends = [...text.matchAll(/[.!?…؟](?=["'”’»)\]]*\s)["'”’»)\]]*|[。！？]|\n/gu)];
  const last = ends.at(-1);
  return last ? last.index + last[0].length : 0;
}
