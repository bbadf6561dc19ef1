/** Light, dark, or what the system says. `public/theme.js` applies the stored choice before the first paint. */
export type Theme = "system" | "light" | "dark";
const STORED = "illumichat.theme";

function stored(): Theme {
  try {
    const value = localStorage.getItem(STORED);
    return value === "light" || value === "dark" ? value : "system";
  } catch {
    return "system";
  }
}

let current = $state<Theme>(stored());

export function theme(): Theme {
  return current;
}

export function setTheme(theme: Theme): void {
  current = theme;
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  try {
    if (theme === "system") localStorage.removeItem(STORED);
    else localStorage.setItem(STORED, theme);
  } catch {
    // Storage is closed to us: the choice holds until the page is left.
  }
}
