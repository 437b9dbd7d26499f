/** A track of forecasts and outcomes as the chart draws it: bands, medians, atoms, observed points. */

import type { OutcomeItem, Point } from "../api/wire.ts";
import { type BandPoint, bandColumns, type Column, withGaps } from "../pure/bands.ts";
import { type Atom, atoms, quantileAt } from "../pure/quantiles.ts";

export interface FanAtom extends Atom {
  atMs: number;
}

export interface Fan {
  /** Seconds; 80 % low, median, high; 50 % low, median, high; observed. */
  columns: [number[], ...Column[]];
  atoms: FanAtom[];
  /** Share of outcomes that came inside the 80 % band, and of how many. */
  inside: { share: number; of: number } | null;
  lastObservedMs: number | null;
}

/** Forecasts `steps` (one horizon, oldest first), the newest issue's further horizons, and what was observed. */
export function fan(steps: readonly OutcomeItem[], newest: readonly OutcomeItem[], observed: readonly Point[]): Fan {
  const drawn = [...steps, ...newest]
    .filter((item) => item.quantiles.length > 0)
    .map((item) => ({ item, atMs: Date.parse(item.valid_at), levels: item.quantiles.map((q) => q.level), values: item.quantiles.map((q) => q.value) }))
    .sort((a, b) => a.atMs - b.atMs);
  const gap = 3.5 * medianStep(drawn.filter((d) => steps.includes(d.item)).map((d) => d.atMs));
  const band = (low: number, high: number): BandPoint[] =>
    drawn.map(({ atMs, levels, values }) => ({ atMs, value: quantileAt(levels, values, 0.5), low: quantileAt(levels, values, low), high: quantileAt(levels, values, high) }));
  const known = drawn.filter(({ item }) => steps.includes(item)).length;
  const joined = (points: BandPoint[]) => [...withGaps(points.slice(0, known), gap), ...points.slice(known)];
  const points = observed.map((p): BandPoint => ({ atMs: Date.parse(p.end), value: p.value, low: null, high: null }));
  const columns = bandColumns([joined(band(0.1, 0.9)), joined(band(0.25, 0.75)), points]);
  return {
    // Of the observed points only the value is drawn.
    columns: [columns[0], ...columns.slice(1, 7), columns[8]!] as Fan["columns"],
    atoms: drawn.flatMap(({ atMs, levels, values }) => atoms(levels, values, 0.15).map((atom) => ({ ...atom, atMs }))),
    inside: coverage(steps),
    lastObservedMs: points.at(-1)?.atMs ?? null,
  };
}

function coverage(steps: readonly OutcomeItem[]): Fan["inside"] {
  const scored = steps.filter((item) => item.outcome !== null && item.quantiles.length > 0);
  if (scored.length === 0) return null;
  const inside = scored.filter(({ outcome, quantiles }) => {
    const levels = quantiles.map((q) => q.level);
    const values = quantiles.map((q) => q.value);
    return outcome! >= quantileAt(levels, values, 0.1) && outcome! <= quantileAt(levels, values, 0.9);
  });
  return { share: inside.length / scored.length, of: scored.length };
}

function medianStep(times: readonly number[]): number {
  const steps = times.slice(1).map((time, i) => time - times[i]!).filter((step) => step > 0);
  return steps.length === 0 ? Infinity : steps.sort((a, b) => a - b)[Math.floor(steps.length / 2)]!;
}
