// Before the first paint: the colour scheme that this person chose here, if any (see src/shell/theme.svelte.ts).
try {
  var chosen = localStorage.getItem("illumichat.theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch {
  // Storage is closed to us: the system's scheme holds.
}
