/** Short news at the edge of the page: what was just done, or could not be. */
export interface Toast {
  id: number;
  text: string;
  tone: "good" | "bad";
}

let next = 0;
export const toasts = $state<Toast[]>([]);

export function toast(text: string, tone: Toast["tone"] = "good"): void {
  const id = (next += 1);
  toasts.push({ id, text, tone });
  setTimeout(() => dismiss(id), tone === "bad" ? 9000 : 4000);
}

export function dismiss(id: number): void {
  const at = toasts.findIndex((each) => each.id === id);
  if (at >= 0) toasts.splice(at, 1);
}
