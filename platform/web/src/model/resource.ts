/** `resource`: what is asked of the API now and then, and again when the question changes. */

import { effect, signal, type Signal, untracked } from "@preact/signals";

export interface Question<T> {
  key: string;
  ask: () => Promise<T>;
}

export interface Resource<T> {
  data: Signal<T | null>;
  /** What the last try said, empty when it went well. */
  error: Signal<string>;
  refresh: () => void;
}

/**
 * Asks `question()` (which reads signals; null: nothing to ask) at once when its key changes and then every `everyMs`, never twice at a time, and not while the page is hidden.
 */
export function resource<T>(question: () => Question<T> | null, everyMs: number): Resource<T> {
  const data = signal<T | null>(null);
  const error = signal("");
  let current: Question<T> | null = null;
  let timer = 0;
  let round = 0;

  async function go(): Promise<void> {
    window.clearTimeout(timer);
    const mine = ++round;
    if (current === null) return;
    if (!document.hidden) {
      try {
        const answer = await current.ask();
        if (mine !== round) return;
        data.value = answer;
        error.value = "";
      } catch (problem) {
        if (mine !== round) return;
        error.value = problem instanceof Error ? problem.message : String(problem);
      }
    }
    timer = window.setTimeout(go, everyMs);
  }

  effect(() => {
    const next = question();
    if (next?.key === current?.key) return;
    current = next;
    // What the call itself reads is no reason to ask again.
    untracked(() => {
      data.value = null;
      void go();
    });
  });
  document.addEventListener("visibilitychange", () => void (document.hidden || go()));
  return { data, error, refresh: () => void go() };
}
