/** The figures that an SRE looks at first: is the twin in step, does the input flow, is any of it lost. */

import type { ComponentChildren } from "preact";
import { Sparkline } from "../draw/sparkline.tsx";
import { fidelityNow, figures, moments } from "../model/live-state.ts";
import { horizon, model, quantity } from "../model/selection.ts";
import { count, duration, fidelity, rate } from "../pure/numbers.ts";

export function Tiles() {
  const f = figures.value;
  const past = moments.value;
  const waiting = Object.values(f?.sink_lag ?? {}).reduce((sum, lag) => sum + lag, 0);
  return (
    <section class="tiles" aria-label="Live figures">
      <Tile name="lag" label="Twin lag" spark={<Sparkline values={past.map((m) => m.lagP99)} label="Twin lag p99 over the last minutes" />}>
        <Figure value={duration(f?.twin_lag_p50_s)} unit="p50" />
        <Figure value={duration(f?.twin_lag_p99_s)} unit="p99" />
      </Tile>
      <Tile name="events" label="Events" spark={<Sparkline values={past.map((m) => m.events)} label="Events a second over the last minutes" />}>
        <Figure value={rate(f?.events_per_s)} unit="/s" />
      </Tile>
      <Tile name="points" label="Points" spark={<Sparkline values={past.map((m) => m.points)} label="Points a second over the last minutes" />}>
        <Figure value={rate(f?.points_per_s)} unit="/s" />
      </Tile>
      <Tile name="accepted" label="Accepted" foot={waiting > 0 ? `${count(waiting)} waiting for the stores` : "none waiting"}>
        <Figure value={count(f?.events_accepted)} unit="events" />
      </Tile>
      <Tile name="refused" label="Dead letters" tone={(f?.events_refused ?? 0) > 0 ? "warn" : undefined} foot={f ? share(f.events_refused, f.events_accepted) : ""}>
        <Figure value={count(f?.events_refused)} unit="records" />
      </Tile>
      <FidelityTile />
      <Tile name="forecasts" label="Forecasts" foot={f ? `${count(f.forecasts_scored)} scored` : ""}>
        <Figure value={count(f?.forecasts_issued)} unit="sealed" />
      </Tile>
    </section>
  );
}

/** How far the twin can be trusted, for what the page shows just now. */
function FidelityTile() {
  const row = fidelityNow.value.find((r) => r.object_id === null && r.quantity === quantity.value && r.horizon_s === horizon.value && r.model === model.value);
  const { value = null, low = null, high = null } = row?.fidelity ?? {};
  const which = row && `${duration(row.horizon_s)} ahead, ${row.model}`;
  const foot = row === undefined ? "no outcome yet" : value === null ? `undefined: ${row.fidelity.undefined}` : row.fidelity.undefined ? `${which}; ${row.fidelity.undefined}` : which;
  return (
    <Tile name="fidelity" label={row ? `Fidelity of ${row.quantity}` : "Fidelity"} foot={foot}>
      <Figure value={fidelity(value)} unit={low === null || high === null ? "" : `${fidelity(low)} to ${fidelity(high)}`} />
    </Tile>
  );
}

function share(refused: number, accepted: number): string {
  if (refused + accepted === 0) return "nothing came yet";
  const part = refused / (refused + accepted);
  return part === 0 ? "none refused" : `${part < 0.001 ? "<0.1" : (part * 100).toFixed(1)} % of input`;
}

interface TileProps {
  name: string;
  label: string;
  spark?: ComponentChildren;
  foot?: string;
  tone?: string | undefined;
  children: ComponentChildren;
}

function Tile({ name, label, spark, foot, tone, children }: TileProps) {
  return (
    <div class={`tile ${tone ?? ""}`} data-tile={name}>
      <h2>{label}</h2>
      <div class="figures">{children}</div>
      {spark ?? <p class="foot" title={foot}>{foot}</p>}
    </div>
  );
}

function Figure({ value, unit }: { value: string; unit: string }) {
  return (
    <p class="figure">
      <span class="value">{value}</span> <span class="unit">{unit}</span>
    </p>
  );
}
