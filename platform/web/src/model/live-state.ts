/** What the live feed has told so far: the newest figures, and as much of the past as the page draws. */

import { batch, computed, signal } from "@preact/signals";
import type { AlarmItem, DeadLetterItem, FidelityItem, Figures, LiveSnapshot } from "../api/wire.ts";

export interface Moment {
  atMs: number;
  lagP50: number | null;
  lagP99: number | null;
  events: number;
  points: number;
}

const MOMENTS = 300; // five minutes at a message a second
const ROWS = 200;

export const figures = signal<Figures | null>(null);
/** The platform's own clock, which in a replay is not the reader's. */
export const nowMs = signal(0);
export const moments = signal<readonly Moment[]>([]);
export const fidelityNow = signal<readonly FidelityItem[]>([]);
export const alarmRows = signal<readonly AlarmItem[]>([]);
export const deadLetterRows = signal<readonly DeadLetterItem[]>([]);

export const forecastsIssued = computed(() => figures.value?.forecasts_issued ?? 0);
export const forecastsScored = computed(() => figures.value?.forecasts_scored ?? 0);

export function takeSnapshot(snapshot: LiveSnapshot): void {
  const now = Date.parse(snapshot.at);
  const f = snapshot.figures;
  batch(() => {
    nowMs.value = now;
    figures.value = f;
    moments.value = [
      ...moments.value.slice(-MOMENTS + 1),
      { atMs: now, lagP50: f.twin_lag_p50_s, lagP99: f.twin_lag_p99_s, events: f.events_per_s, points: f.points_per_s },
    ];
    if (snapshot.fidelity.length > 0) fidelityNow.value = snapshot.fidelity;
    takeAlarms(snapshot.alarms);
    takeDeadLetters(snapshot.dead_letters);
  });
}

export function takeAlarms(rows: readonly AlarmItem[]): void {
  if (rows.length > 0) alarmRows.value = newest(rows, alarmRows.value, (a) => `${a.alarm_id} ${a.at} ${a.severity}`, (a) => a.at);
}

export function takeDeadLetters(rows: readonly DeadLetterItem[]): void {
  if (rows.length > 0) deadLetterRows.value = newest(rows, deadLetterRows.value, (d) => d.id, (d) => d.recorded_at);
}

/** Both lists as one, each row once, newest first, of bounded length. */
function newest<T>(came: readonly T[], had: readonly T[], key: (row: T) => string, at: (row: T) => string): T[] {
  const rows = new Map<string, T>();
  for (const row of [...had, ...came]) rows.set(key(row), row);
  return [...rows.values()].sort((a, b) => Date.parse(at(b)) - Date.parse(at(a))).slice(0, ROWS);
}
