/** Fidelity over time: a line and its interval for each model, against the yardstick at 0. */

import { useMemo } from "preact/hooks";
import uPlot from "uplot";
import type { FidelityItem } from "../api/wire.ts";
import { axes, CURSOR } from "../draw/axes.ts";
import { Chart } from "../draw/chart.tsx";
import { cssColour, faded } from "../draw/css-colour.ts";
import { forecastsScored } from "../model/live-state.ts";
import { type FidelityHistory, history, quantityInfo, ROLLING_MS } from "../model/questions.ts";
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
  const found = history.data.value;
  const quantity = chosen.quantity.value;
  const horizon = chosen.horizon.value;
  const what = quantity === null ? "" : `${quantityInfo(quantity).label}, ${duration(horizon)} ahead`;
  return (
    <Panel name="fidelity-chart" title="Fidelity over time" hint={what}>
      {found && drawable(found.minutes) ? <Lines found={found} what={what} /> : <Empty />}
    </Panel>
  );
}

const drawable = (items: readonly FidelityItem[]) => items.some((item) => item.fidelity.value !== null);

function Empty() {
  if (history.error.value) return <Awaited>Fidelity could not be read: {history.error.value}</Awaited>;
  if (forecastsScored.value === 0) return <Awaited>No forecast has met its outcome yet. The first scores come one horizon after the first forecasts.</Awaited>;
  const reason = history.data.value?.minutes.find((item) => item.fidelity.undefined)?.fidelity.undefined;
  return <Awaited>{reason ? `Undefined so far: ${reason}.` : "Reading fidelity…"}</Awaited>;
}

function Lines({ found, what }: { found: FidelityHistory; what: string }) {
  const dark = theme.value === "dark";
  const selected = chosen.model.value;
  // Climatology is the yardstick itself: 0 by definition, drawn as the line at 0.
  const models = [...new Set(found.minutes.map((item) => item.model))].filter((name) => name !== "climatology").sort();
  const names = models.join("\n");
  const colours = useMemo(() => modelColours(models, dark), [names, dark]);
  const options = useMemo(() => chartOptions(models, colours, selected), [names, dark, selected]);
  const data = useMemo(() => columns(found, models), [found, names]);
  return (
    <>
      <Chart options={options} data={data} height={HEIGHT} label={`Fidelity of ${models.join(", ")}: ${what}`} />
      <ul class="legend">
        {models.map((name) => (
          <li key={name}>
            <button type="button" aria-pressed={name === selected} onClick={() => chosen.chooseModel(name)}>
              <i style={{ background: colours.get(name) }} /> {name}
            </button>
          </li>
        ))}
        <li class="dim">1 perfect · 0 climatology · dots 1 min · line and 90 % band last {duration(ROLLING_MS / 1000)}</li>
      </ul>
    </>
  );
}

function columns({ minutes, rolling }: FidelityHistory, models: readonly string[]): uPlot.AlignedData {
  const of = (items: readonly FidelityItem[], name: string, atMs: (item: FidelityItem) => number) =>
    items
      .filter((item) => item.model === name)
      .map((item) => ({ atMs: atMs(item), value: item.fidelity.value, low: item.fidelity.low, high: item.fidelity.high }));
  const made = bandColumns(models.flatMap((name) => [of(rolling, name, endMs), of(minutes, name, middleMs)]));
  // Of the minutes only the value is drawn.
  return [made[0], ...made.slice(1).filter((_, i) => i % 6 < 3 || i % 6 === 4)] as uPlot.AlignedData;
}

const endMs = (item: FidelityItem) => Date.parse(item.window_to ?? item.window_from);
const middleMs = (item: FidelityItem) => (Date.parse(item.window_from) + endMs(item)) / 2;

function chartOptions(models: readonly string[], colours: ReadonlyMap<string, string>, selected: string | null): Omit<uPlot.Options, "width" | "height"> {
  const edge: uPlot.Series = { width: 0, points: { show: false }, stroke: "transparent" };
  const lines = models.flatMap((name): uPlot.Series[] => {
    const colour = colours.get(name)!;
    const dots = faded(colour, name === selected ? 0.75 : 0.4);
    return [
      edge,
      { stroke: colour, width: name === selected ? 2.4 : 1.4, points: { show: false } },
      edge,
      { width: 0, stroke: "transparent", points: { show: true, size: 4, fill: dots, width: 0 } },
    ];
  });
  return {
    series: [{}, ...lines],
    bands: models.map((name, i) => ({ series: [4 * i + 3, 4 * i + 1] as uPlot.Band.Bounds, fill: faded(colours.get(name)!, name === selected ? 0.24 : 0.12) })),
    axes: axes("", (v) => fidelity(v)),
    scales: {
      // At first there are a minute or two: drawn within ten, so that they are not as wide as the page.
      x: { range: (_, first, last) => [Math.min(first, last - 600), last + 30] },
      y: { range: (_, low, high) => [Math.max(FLOOR, Math.min(-0.1, low ?? 0) - 0.05), Math.min(1, Math.max(0.5, high ?? 1) + 0.1)] },
    },
    legend: { show: false },
    cursor: CURSOR,
    hooks: { drawAxes: [yardstick], draw: [(plot) => models.forEach((name, i) => whiskers(plot, 4 * i + 1, colours.get(name)!))] },
  };
}

/** An interval without neighbours as an upright line, since a band needs two to be seen. */
function whiskers(plot: uPlot, low: number, colour: string): void {
  const { ctx } = plot;
  if ((plot.data[low] ?? []).filter((end) => end !== null && end !== undefined).length > 1) return;
  ctx.save();
  ctx.strokeStyle = faded(colour, 0.5);
  ctx.lineWidth = 2 * devicePixelRatio;
  plot.data[0].forEach((seconds, i) => {
    const ends = [plot.data[low]?.[i], plot.data[low + 2]?.[i]];
    if (ends.some((end) => end === null || end === undefined)) return;
    const x = plot.valToPos(seconds, "x", true);
    const [from, to] = ends.map((end) => plot.valToPos(Math.max(end!, plot.scales["y"]!.min ?? end!), "y", true));
    ctx.beginPath();
    ctx.moveTo(x, from!);
    ctx.lineTo(x, to!);
    ctx.stroke();
  });
  ctx.restore();
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
