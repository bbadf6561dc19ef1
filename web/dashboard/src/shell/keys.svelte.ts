/** What keys do everywhere: where they are for typing, and the two helps that any page can open. */
export const helps = $state({ shortcuts: false, palette: false });

export const openShortcuts = (): void => void (helps.shortcuts = true);

/** Whether a key is meant for a field, a dialog or the browser, and not for a shortcut. */
export function typingIn(event: KeyboardEvent): boolean {
  if (event.defaultPrevented || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return true;
  const target = event.target instanceof Element ? event.target : null;
  return Boolean(target?.closest("input, textarea, select, dialog, [contenteditable], [popover]") ?? document.querySelector("dialog[open]"));
}
