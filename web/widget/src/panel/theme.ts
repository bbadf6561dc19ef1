/** The panel's colours from the assistant's theme: every text reaches 4.5 : 1 on what it stands on, whatever was chosen. */
import { luminance, onColour, parseHex, type Rgb } from "../colour.ts";
import type { Theme } from "../types.ts";

export const ACCENT = "#4f46e5";

/** The surfaces that links and other accented text stand on; the same values as in `panel.css`. */
const SURFACES: Record<"light" | "dark", Rgb[]> = {
  light: [[255, 255, 255], [245, 245, 248]],
  dark: [[22, 23, 28], [35, 37, 44]],
};

export function contrast(a: Rgb, b: Rgb): number {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (high! + 0.05) / (low! + 0.05);
}

/** The accent moved towards black or white until it can be read on the scheme's surfaces. */
export function accentText(accent: Rgb, scheme: "light" | "dark"): string {
  const end = scheme === "light" ? 0 : 255;
  for (let share = 0; share <= 1; share += 0.05) {
    const mixed = accent.map((part) => Math.round(part + (end - part) * share)) as Rgb;
    if (SURFACES[scheme].every((surface) => contrast(mixed, surface) >= 4.6)) return `rgb(${mixed.join(" ")})`;
  }
  return scheme === "light" ? "#000" : "#fff";
}

/** The custom properties that a theme sets on the panel. */
export function themeProperties(theme: Theme | null | undefined, scheme: "light" | "dark"): Record<string, string> {
  const accent = parseHex(theme?.primaryColor) ?? parseHex(ACCENT)!;
  const radius = Math.max(0, Math.min(28, theme?.radius ?? 18));
  return {
    "--accent": `rgb(${accent.join(" ")})`,
    "--on-accent": onColour(accent),
    "--accent-text": accentText(accent, scheme),
    "--radius": `${radius}px`,
    "--radius-small": `${Math.round(radius * 0.66)}px`,
  };
}
