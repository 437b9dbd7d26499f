/** Which of many has something to show, without asking all of them where an early one has. */

const AT_ONCE = 6;
const MOST_ASKED = 48;

/** The first of `ids`, in their order, that `has`; null where none of the first forty-eight has. */
export async function firstLive(ids: readonly string[], has: (id: string) => Promise<boolean>): Promise<string | null> {
  // Mostly the first one is it: asked alone, then more at a time.
  for (let from = 0, size = 1; from < Math.min(ids.length, MOST_ASKED); from += size, size = AT_ONCE) {
    const some = ids.slice(from, from + size);
    const found = await Promise.all(some.map(has));
    const first = found.indexOf(true);
    if (first >= 0) return some[first]!;
  }
  return null;
}
