/** Whether a colour can be read, as WCAG 2 counts it; and what the widget makes of it. */

type Rgb = [number, number, number];

/** The widget's own surfaces, in light and in dark. */
export const LIGHT: Rgb = [255, 255, 255];
export const DARK: Rgb = [22, 23, 28];

/** `#rrggbb`, as the server takes it; anything else is null. */
export function parseColor(text: string): Rgb | null {
  if (!/^#[\da-f]{6}$/i.test(text.trim())) return null;
  return [1, 3, 5].map((at) => parseInt(text.trim().slice(at, at + 2), 16)) as Rgb;
}

function luminance(rgb: Rgb): number {
  const [r, g, b] = rgb.map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  }) as Rgb;
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** From 1 (the same) to 21 (black on white). */
export function contrast(one: Rgb, other: Rgb): number {
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b) as [number, number];
  return (light + 0.05) / (dark + 0.05);
}

export interface Judgement {
  /** The colour of the words on it: white where that can be read, else black. */
  text: "white" | "black";
  /** How well those words can be read. */
  ratio: number;
  /** How well a button of this colour stands out on a light and on a dark page. */
  onLight: number;
  onDark: number;
}

/** What a button needs to stand out from the page behind it. */
export const VISIBLE = 3;

export function judge(color: Rgb): Judgement {
  const white = contrast(color, [255, 255, 255]);
  return {
    text: white >= 4.5 ? "white" : "black",
    ratio: white >= 4.5 ? white : contrast(color, [0, 0, 0]),
    onLight: contrast(color, LIGHT),
    onDark: contrast(color, DARK),
  };
}
