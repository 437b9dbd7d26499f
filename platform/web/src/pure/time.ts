/** Times come as nanoseconds since the Unix epoch; the page works in milliseconds and shows UTC. */

/** Nanoseconds as milliseconds. A float keeps them to about a quarter of a microsecond. */
export function msOf(ns: number): number {
  return ns / 1e6;
}

/** 14:03:09 UTC, with the day in front where it is not the day of `nowMs`. */
export function clock(ms: number | null | undefined, nowMs?: number): string {
  if (ms == null || !Number.isFinite(ms)) return "–";
  const iso = new Date(ms).toISOString();
  const sameDay = nowMs === undefined || iso.slice(0, 10) === new Date(nowMs).toISOString().slice(0, 10);
  return sameDay ? iso.slice(11, 19) : `${iso.slice(0, 10)} ${iso.slice(11, 19)}`;
}

/** "now", "12 s ago", "3 min ago". */
export function ago(ms: number, nowMs: number): string {
  const seconds = Math.round((nowMs - ms) / 1000);
  if (seconds <= 1) return "now";
  if (seconds < 90) return `${seconds} s ago`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 129_600) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86_400)} d ago`;
}
