/** The live feed: server-sent events, taken up again after a wait that grows, and told when it is. */

import { signal } from "@preact/signals";
import { backoffMs } from "../pure/backoff.ts";
import type { LiveSnapshot } from "./wire.ts";

export type Connection =
  | { state: "connecting" }
  | { state: "live" }
  | { state: "waiting"; retryAtMs: number };

export const connection = signal<Connection>({ state: "connecting" });

/** Without a message for this long the feed is taken to be dead, whatever the socket says. */
const SILENCE_MS = 10_000;

export function follow(url: string, onSnapshot: (snapshot: LiveSnapshot) => void): () => void {
  let source: EventSource | null = null;
  let timer = 0;
  let attempt = 0;

  function open(): void {
    window.clearTimeout(timer);
    connection.value = { state: "connecting" };
    source = new EventSource(url);
    source.addEventListener("live", take);
    source.onerror = retry;
    timer = window.setTimeout(retry, SILENCE_MS);
  }

  function take(event: MessageEvent<string>): void {
    attempt = 0;
    if (connection.value.state !== "live") connection.value = { state: "live" };
    window.clearTimeout(timer);
    timer = window.setTimeout(retry, SILENCE_MS);
    onSnapshot(JSON.parse(event.data) as LiveSnapshot);
  }

  function retry(): void {
    source?.close();
    window.clearTimeout(timer);
    const wait = backoffMs(attempt++, Math.random);
    connection.value = { state: "waiting", retryAtMs: Date.now() + wait };
    timer = window.setTimeout(open, wait);
  }

  function hurry(): void {
    if (connection.value.state === "waiting") open();
  }

  window.addEventListener("online", hurry);
  open();
  return () => {
    window.removeEventListener("online", hurry);
    window.clearTimeout(timer);
    source?.close();
  };
}
