/** Fidelity over time: a line and its interval for each model, against the yardstick at 0. */

import { useMemo } from "preact/hooks";
import uPlot from "uplot";
import type { FidelityItem } from "../api/wire.ts";
import { axes, CURSOR } from "../draw/axes.ts";
import { Chart } from "../draw/chart.tsx";
import { cssColour, faded } from "../draw/css-colour.ts";
import { forecastsScored } from "../model/live-state.ts";
import { history, quantityInfo } from "../model/questions.ts";
import * as chosen from "../model/selection.ts";
import { theme } from "../model/theme.ts";
import { bandColumns } from "../pure/bands.ts";
import { duration, fidelity } from "../pure/numbers.ts";
import { modelColours } from "../pure/series-colour.ts";
import { Awaited, Panel } from "./panel.tsx";

const HEIGHT = 232;
/** Below this a model is so far behind climatology that the figure itself says no more. */
const FLOOR = -1;

export function FidelityChart() {
  const items = history.data.value?.items ?? [];
  const quantity = chosen.quantity.value;
  const horizon = chosen.horizon.value;
  const what = quantity === null ? "" : `${quantityInfo(quantity).label}, ${duration(horizon)} ahead`;
  return (
    <Panel name="fidelity-chart" title="Fidelity over time" hint={what}>
      {drawable(items) ? <Lines items={items} what={what} /> : <Empty />}
    </Panel>
  );
}

const drawable = (items: readonly FidelityItem[]) => items.some((item) => item.fidelity.value !== null);

function Empty() {
  if (history.error.value) return <Awaited>Fidelity could not be read: {history.error.value}</Awaited>;
  if (forecastsScored.value === 0) return <Awaited>No forecast has met its outcome yet. The first scores come one horizon after the first forecasts.</Awaited>;
  const reason = history.data.value?.items.find((item) => item.fidelity.undefined)?.fidelity.undefined;
  return <Awaited>{reason ? `Undefined so far: ${reason}.` : "Reading fidelity…"}</Awaited>;
}

function Lines({ items, what }: { items: readonly FidelityItem[]; what: string }) {
  const dark = theme.value === "dark";
  const selected = chosen.model.value;
  // Climatology is the yardstick itself: 0 by definition, drawn as the line at 0.
  const models = [...new Set(items.map((item) => item.model))].filter((name) => name !== "climatology").sort();
  const names = models.join("\n");
  const colours = useMemo(() => modelColours(models, dark), [names, dark]);
  const options = useMemo(() => chartOptions(models, colours, selected), [names, dark, selected]);
  const data = useMemo(() => columns(items, models), [items, names]);
  return (
    <>
      <Chart options={options} data={data} height={HEIGHT} label={`Fidelity of ${models.join(", ")}: ${what}`} />
      <ul class="legend">
        {models.map((name) => (
          <li key={name}>
            <button type="button" aria-pressed={name === selected} onClick={() => chosen.chooseModel(name)}>
              <i style={{ background: colours.get(name) }} /> {name} <b>{fidelity(latest(items, name))}</b>
            </button>
          </li>
        ))}
        <li class="dim">1 is perfect · 0 is climatology, what is usual · band: 90 % interval</li>
      </ul>
    </>
  );
}

function latest(items: readonly FidelityItem[], model: string): number | null {
  return items.filter((item) => item.model === model && item.fidelity.value !== null).at(-1)?.fidelity.value ?? null;
}

function columns(items: readonly FidelityItem[], models: readonly string[]): uPlot.AlignedData {
  const lines = models.map((name) =>
    items
      .filter((item) => item.model === name)
      .map((item) => ({ atMs: Date.parse(item.window_to ?? item.window_from), value: item.fidelity.value, low: item.fidelity.low, high: item.fidelity.high })),
  );
  return bandColumns(lines) as uPlot.AlignedData;
}

function chartOptions(models: readonly string[], colours: ReadonlyMap<string, string>, selected: string | null): Omit<uPlot.Options, "width" | "height"> {
  const lines = models.flatMap((name): uPlot.Series[] => {
    const colour = colours.get(name)!;
    const edge: uPlot.Series = { width: 0, points: { show: false }, stroke: "transparent" };
    return [edge, { stroke: colour, width: name === selected ? 2.2 : 1.3, label: name, points: { show: true, size: name === selected ? 4 : 3, fill: colour, width: 0 } }, edge];
  });
  return {
    series: [{}, ...lines],
    bands: models.map((name, i) => ({ series: [3 * i + 3, 3 * i + 1] as uPlot.Band.Bounds, fill: faded(colours.get(name)!, name === selected ? 0.24 : 0.1) })),
    axes: axes("", (v) => fidelity(v)),
    scales: { y: { range: (_, low, high) => [Math.max(FLOOR, Math.min(-0.1, low ?? 0) - 0.05), Math.min(1, Math.max(0.5, high ?? 1) + 0.1)] } },
    legend: { show: false },
    cursor: CURSOR,
    hooks: { drawAxes: [yardstick] },
  };
}

function yardstick(plot: uPlot): void {
  const y = plot.valToPos(0, "y", true);
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.strokeStyle = cssColour("--dim");
  ctx.setLineDash([5, 4]);
  ctx.beginPath();
  ctx.moveTo(bbox.left, y);
  ctx.lineTo(bbox.left + bbox.width, y);
  ctx.stroke();
  ctx.restore();
}
