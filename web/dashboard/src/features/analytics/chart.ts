/** The geometry of the charts: pure numbers, so that it can be tested. */

export interface Series {
  label: string;
  values: number[];
  color: "accent" | "warn" | "muted" | "good" | "bad";
}

/** A round number at or above the largest value, and the lines up to it. Counts have no halves. */
export function scale(most: number, lines = 4): { top: number; ticks: number[] } {
  const rough = Math.max(most, 1) / lines;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max(1, [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough) ?? rough);
  const count = Math.max(1, Math.ceil(most / step));
  return { top: step * count, ticks: Array.from({ length: count + 1 }, (_, at) => at * step) };
}

export type Point = readonly [x: number, y: number];
const round = (value: number) => Math.round(value * 10) / 10;

/** A soft line through points that never swings above or below them (Fritsch and Carlson). */
export function linePath(points: Point[]): string {
  const [first] = points;
  if (!first) return "";
  const at = (index: number) => points[Math.max(0, Math.min(points.length - 1, index))] as Point;
  const slope = (index: number) => (at(index + 1)[1] - at(index)[1]) / (at(index + 1)[0] - at(index)[0] || 1);
  const tangent = (index: number) => {
    if (index === 0) return slope(0);
    if (index === points.length - 1) return slope(index - 1);
    const [before, after] = [slope(index - 1), slope(index)];
    if (before * after <= 0) return 0;
    return Math.sign(before) * Math.min(Math.abs((before + after) / 2), 3 * Math.abs(before), 3 * Math.abs(after));
  };
  let path = `M${round(first[0])} ${round(first[1])}`;
  for (let index = 0; index < points.length - 1; index += 1) {
    const [from, to] = [at(index), at(index + 1)];
    const third = (to[0] - from[0]) / 3;
    const ends = [from[0] + third, from[1] + tangent(index) * third, to[0] - third, to[1] - tangent(index + 1) * third, ...to];
    path += `C${ends.map(round).join(" ")}`;
  }
  return path;
}

/** Which of `count` labels are shown, so that they have room: the last one always is. */
export function labelled(count: number, room: number): number[] {
  const step = Math.max(1, Math.ceil(count / Math.max(1, room)));
  return Array.from({ length: count }, (_, at) => at).filter((at) => (count - 1 - at) % step === 0);
}
