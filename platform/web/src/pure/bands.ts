/** Values with intervals as columns that share one time axis, for a chart. */

export interface BandPoint {
  atMs: number;
  value: number | null;
  low: number | null;
  high: number | null;
}

export type Column = (number | null | undefined)[];

/**
 * Times in seconds, then low, value and high of each line. A time that a line does not have is undefined (drawn
 * over), one that it has without a value is null (a gap).
 */
export function bandColumns(lines: readonly (readonly BandPoint[])[]): [number[], ...Column[]] {
  const times = [...new Set(lines.flatMap((line) => line.map((point) => point.atMs)))].sort((a, b) => a - b);
  const index = new Map(times.map((time, i) => [time, i]));
  const columns = lines.flatMap((line) => {
    const parts: [Column, Column, Column] = [new Array(times.length), new Array(times.length), new Array(times.length)];
    for (const point of line) {
      const i = index.get(point.atMs)!;
      parts[0][i] = point.low;
      parts[1][i] = point.value;
      parts[2][i] = point.high;
    }
    return parts;
  });
  return [times.map((ms) => ms / 1000), ...columns];
}

/** Where forecasts are further apart than `mostMs`, an empty point between them, so that no line joins them. */
export function withGaps(points: readonly BandPoint[], mostMs: number): BandPoint[] {
  return points.flatMap((point, i) => {
    const before = points[i - 1];
    if (before === undefined || point.atMs - before.atMs <= mostMs) return [point];
    return [{ atMs: (before.atMs + point.atMs) / 2, value: null, low: null, high: null }, point];
  });
}
