/** Whose twin this is, how fresh it is, and whether the page is still connected. */

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { connection } from "../api/live.ts";
import { figures, nowMs } from "../model/live-state.ts";
import { networkName } from "../model/network-map.ts";
import { map } from "../model/questions.ts";
import { theme, toggleTheme } from "../model/theme.ts";
import { ago, clock } from "../pure/time.ts";

export function Header() {
  const f = figures.value;
  const name = map.value && networkName(map.value);
  const asOf = f?.as_of ? Date.parse(f.as_of) : null;
  return (
    <header class="top">
      <h1>
        <Mark /> Ranvier
      </h1>
      <div class="whose">
        <strong>{f ? (name ?? f.feed) : "…"}</strong>
        {f && !f.feed_emulated && name !== null && name !== f.feed && <span class="dim">{f.feed}</span>}
        {f?.feed_emulated && (
          <span class="badge emulated" title="These measurements are made by a built-in emulator. No real network is behind them.">
            emulated network
          </span>
        )}
      </div>
      <dl class="as-of">
        <dt>Twin as of</dt>
        <dd>
          <time dateTime={f?.as_of ?? undefined}>{clock(asOf, nowMs.value)}</time> UTC
          {asOf !== null && <span class="dim"> · {ago(asOf, nowMs.value)}</span>}
        </dd>
      </dl>
      <ConnectionState />
      <button type="button" class="quiet" onClick={toggleTheme} aria-label={`Switch to ${theme.value === "dark" ? "light" : "dark"} colours`} title="Light or dark">
        {theme.value === "dark" ? "☀" : "☾"}
      </button>
    </header>
  );
}

function ConnectionState() {
  const state = connection.value;
  const second = useSignal(0);
  useEffect(() => {
    if (state.state !== "waiting") return;
    const timer = window.setInterval(() => second.value++, 250);
    return () => window.clearInterval(timer);
  }, [state]);
  const left = state.state === "waiting" ? Math.max(0, Math.ceil((state.retryAtMs - Date.now()) / 1000)) : second.value * 0;
  const text = state.state === "live" ? "live" : state.state === "connecting" ? "connecting…" : `connection lost · next try in ${left} s`;
  return (
    <p class={`connection ${state.state}`} role="status" aria-live="polite" data-state={state.state}>
      <span class="lamp" aria-hidden="true" /> {text}
    </p>
  );
}

function Mark() {
  return (
    <svg class="mark" viewBox="0 0 32 32" width="22" height="22" aria-hidden="true">
      <path d="M2 16h28" />
      <rect x="1" y="11" width="8" height="10" rx="4" />
      <rect x="12" y="11" width="8" height="10" rx="4" />
      <rect x="23" y="11" width="8" height="10" rx="4" />
    </svg>
  );
}
