/** What the assistant says of itself before anybody has written: a message beside the button, once a visit. */
import type { View } from "../panel/view.svelte.ts";
import css from "./offer.css?inline";

const SOON = 10;

/** Waits as long as it is set to, and offers the chat unless it was opened meanwhile. */
export function offer(view: View, message: string, delaySeconds: number | null | undefined, ended: AbortSignal): void {
  const { root, button, options } = view.host;
  const key = `illumichat:offered:${options.assistantId}`;
  try {
    if (sessionStorage.getItem(key)) return;
  } catch {
    // No storage: it may come again on the next page.
  }
  const leave = new AbortController();
  const { signal } = leave;
  const timer = setTimeout(show, (delaySeconds ?? SOON) * 1000);
  const end = (): void => leave.abort();
  ended.addEventListener("abort", end, { signal });
  window.addEventListener("illumichat:open", end, { signal });
  signal.addEventListener("abort", () => clearTimeout(timer));

  function show(): void {
    if (view.shown) return;
    try {
      sessionStorage.setItem(key, "1");
    } catch {
      // As above.
    }
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    root.adoptedStyleSheets.push(sheet);
    const box = document.createElement("div");
    const [text, close] = [document.createElement("button"), document.createElement("button")];
    box.className = "offer";
    box.role = "status";
    box.lang = view.language.tag;
    box.dataset.scheme = root.querySelector<HTMLElement>(".panel")?.dataset.scheme ?? "light";
    text.textContent = message;
    text.dir = "auto";
    text.onclick = () => button.click();
    close.textContent = "×";
    close.ariaLabel = view.language.strings.closeChat;
    close.onclick = end;
    box.append(text, close);
    root.append(box);
    box.addEventListener("keydown", ({ key: pressed }) => pressed === "Escape" && end());
    signal.addEventListener("abort", () => {
      const within = box.contains(root.activeElement);
      box.remove();
      if (within && !view.shown) button.focus();
    });
  }
}
