/** The colour of text that can be read on an accent. Contrast as WCAG 2 defines it. */

export type Rgb = [number, number, number];

/** `#rgb` or `#rrggbb`; anything else is null. */
export function parseHex(text: string | null | undefined): Rgb | null {
  if (!/^#([\da-f]{3}){1,2}$/i.test(text ?? "")) return null;
  const digits = text!.length < 5 ? text!.replace(/\w/g, "$&$&") : text!;
  return [1, 3, 5].map((at) => parseInt(digits.slice(at, at + 2), 16)) as Rgb;
}

/** Relative luminance, 0 for black to 1 for white. */
export function luminance(rgb: Rgb): number {
  const [r, g, b] = rgb.map((part) => (part > 10 ? ((part / 255 + 0.055) / 1.055) ** 2.4 : part / 3295)) as Rgb;
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** White where it reaches 4.5 : 1 on the colour, else black, which then does. */
export const onColour = (rgb: Rgb): string => (luminance(rgb) < 0.1833 ? "#fff" : "#000");
