/** How long to wait before the n-th try (from 0): doubling from 0.5 s up to 15 s, with jitter in [0.5, 1). */
export function backoffMs(attempt: number, random: () => number): number {
  const ceiling = Math.min(15_000, 500 * 2 ** Math.min(attempt, 10));
  return Math.round(ceiling * (0.5 + 0.5 * random()));
}
