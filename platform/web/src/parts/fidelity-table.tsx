/** How wrong the twin is now: one row for each KPI and horizon, one column for each model. */

import type { FidelityItem } from "../api/wire.ts";
import { fidelityNow, figures } from "../model/live-state.ts";
import { quantityInfo } from "../model/questions.ts";
import * as chosen from "../model/selection.ts";
import { theme } from "../model/theme.ts";
import { count, difference, duration, fidelity, percent } from "../pure/numbers.ts";
import { modelColours } from "../pure/series-colour.ts";
import { Awaited, Panel } from "./panel.tsx";

export function FidelityTable() {
  const rows = ordered(fidelityNow.value);
  return (
    <Panel name="fidelity-table" title="Fidelity now" hint="over the rolling window">
      {rows.length === 0 ? <Nothing /> : <Table rows={rows} />}
    </Panel>
  );
}

function Nothing() {
  const f = figures.value;
  const text = !f ? "Connecting…" : f.forecasts_issued === 0 ? "Nothing was forecast yet, so nothing could be wrong yet." : "Forecasts are sealed; their outcomes are awaited.";
  return <Awaited>{text}</Awaited>;
}

function Table({ rows }: { rows: readonly FidelityItem[] }) {
  const colours = modelColours(chosen.modelsScored.value, theme.value === "dark");
  return (
    <div class="scroll" tabIndex={0} role="region" aria-labelledby="fidelity-table-title">
      <table>
        <thead>
          <tr>
            <th scope="col" class="num">Ahead</th>
            <th scope="col">Model</th>
            <th scope="col" class="num" title="1 is perfect, 0 is no better than climatology">Fidelity</th>
            <th scope="col" title="From −0.5 to 1; the tick is 0">90 % interval</th>
            <th scope="col" class="num" title="Share of outcomes inside the 80 % band: 80 % is right">In 80 % band</th>
            <th scope="col" class="num" title="Mean of median forecast − outcome">Bias</th>
            <th scope="col" class="num" title="Twinning precision: share of medians within the KPI's tolerance">In tolerance</th>
            <th scope="col" class="num" title="Scored pairs of forecast and outcome">n</th>
          </tr>
        </thead>
        {[...byQuantity(rows)].map(([quantity, own]) => (
          <tbody key={quantity}>
            <tr class="kpi">
              <th scope="rowgroup" colSpan={8}>
                {quantity} <span class="dim">{quantityInfo(quantity).label}</span>
              </th>
            </tr>
            {own.map((row, i) => (
              <Row key={`${row.horizon_s} ${row.model}`} row={row} first={own[i - 1]?.horizon_s !== row.horizon_s} colour={colours.get(row.model)!} />
            ))}
          </tbody>
        ))}
      </table>
    </div>
  );
}

function Row({ row, first, colour }: { row: FidelityItem; first: boolean; colour: string }) {
  const current = row.quantity === chosen.quantity.value && row.horizon_s === chosen.horizon.value && row.model === chosen.model.value;
  const choose = () => {
    chosen.chooseQuantity(row.quantity);
    chosen.chooseHorizon(row.horizon_s);
    chosen.chooseModel(row.model);
  };
  return (
    <tr class={`${first ? "first" : ""} ${current ? "current" : ""}`} onClick={choose}>
      <td class="num">
        <span class={first ? "" : "visually-hidden"}>{duration(row.horizon_s)}</span>
      </td>
      <td>
        <button type="button" class="row-button" aria-pressed={current} onClick={choose} aria-label={`Show ${row.quantity}, ${duration(row.horizon_s)} ahead, ${row.model}`}>
          <i style={{ background: colour }} /> {row.model}
        </button>
      </td>
      {row.fidelity.value === null ? (
        <td colSpan={5} class="undefined" title={row.fidelity.undefined ?? ""}>
          undefined: {row.fidelity.undefined}
        </td>
      ) : (
        <Figures row={row} unit={row.unit ?? quantityInfo(row.quantity).unit} colour={colour} />
      )}
      <td class="num">{count(row.n)}</td>
    </tr>
  );
}

function Figures({ row, unit, colour }: { row: FidelityItem; unit: string; colour: string }) {
  const { value, low, high, undefined: why } = row.fidelity;
  const off = row.coverage80.value !== null && Math.abs(row.coverage80.value - 0.8) > 0.1;
  return (
    <>
      {row.model === row.reference ? (
        <td colSpan={2} class="reference" title="What the others are measured against: 0 by definition">
          reference
        </td>
      ) : (
        <>
          <td class="num strong">{fidelity(value)}</td>
          <td class="reference" title={why ?? ""}>
            {low === null || high === null ? "too few blocks yet" : <Interval value={value} low={low} high={high} colour={colour} />}
          </td>
        </>
      )}
      <td class={`num ${off ? "off" : ""}`}>{percent(row.coverage80.value)}</td>
      <td class="num">{difference(row.bias.value, unit)}</td>
      <td class="num">{percent(row.precision.value)}</td>
    </>
  );
}

function Interval({ value, low, high, colour }: { value: number | null; low: number; high: number; colour: string }) {
  const x = (v: number) => 4 + ((Math.min(1, Math.max(-0.5, v)) + 0.5) / 1.5) * 92;
  const text = `${fidelity(low)} to ${fidelity(high)}`;
  return (
    <svg class="interval" viewBox="0 0 100 14" width="100" height="14" role="img" aria-label={text}>
      <title>{text}</title>
      <line x1={x(0)} x2={x(0)} y1="1" y2="13" class="tick" />
      <line x1="4" x2="96" y1="7" y2="7" class="rail" />
      <line x1={x(low)} x2={x(high)} y1="7" y2="7" stroke={colour} stroke-width="7" stroke-opacity="0.45" />
      {value !== null && <circle cx={x(value)} cy="7" r="2.4" fill={colour} />}
    </svg>
  );
}

function byQuantity(rows: readonly FidelityItem[]): Map<string, FidelityItem[]> {
  const groups = new Map<string, FidelityItem[]>();
  for (const row of rows) groups.set(row.quantity, [...(groups.get(row.quantity) ?? []), row]);
  return groups;
}

function ordered(rows: readonly FidelityItem[]): FidelityItem[] {
  return rows
    .filter((row) => row.object_id === null)
    .sort((a, b) => chosen.byInterest(a.quantity, b.quantity) || a.horizon_s - b.horizon_s || a.model.localeCompare(b.model));
}
