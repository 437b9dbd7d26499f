/** What can be read off quantiles at levels: bands, the median, and atoms (mass on one value). */

export interface Atom {
  value: number;
  /** The share of the probability that lies on `value`, as far as the levels show it. */
  mass: number;
}

/** Neighbouring quantiles that are equal: each run is an atom of at least the levels' difference. */
export function atoms(levels: readonly number[], values: readonly number[], least = 0.1): Atom[] {
  const found: Atom[] = [];
  let start = 0;
  for (let i = 1; i <= values.length; i++) {
    if (i < values.length && values[i] === values[start]) continue;
    if (i - start > 1) {
      // The outermost run also holds what lies beyond the outermost level.
      const low = start === 0 ? 0 : levels[start]!;
      const high = i === values.length ? 1 : levels[i - 1]!;
      if (high - low >= least) found.push({ value: values[start]!, mass: high - low });
    }
    start = i;
  }
  return found;
}

/** The value at `level`, linear between the levels, clamped to the outermost ones. */
export function quantileAt(levels: readonly number[], values: readonly number[], level: number): number {
  if (values.length === 0) return NaN;
  if (level <= levels[0]!) return values[0]!;
  for (let i = 1; i < levels.length; i++) {
    if (level > levels[i]!) continue;
    const part = (level - levels[i - 1]!) / (levels[i]! - levels[i - 1]!);
    return values[i - 1]! + (values[i]! - values[i - 1]!) * part;
  }
  return values[values.length - 1]!;
}
