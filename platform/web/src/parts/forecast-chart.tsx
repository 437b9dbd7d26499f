/** Forecasts against outcomes for one node and KPI: what the twin said, and what then happened. */

import { useMemo } from "preact/hooks";
import uPlot from "uplot";
import { axes, CURSOR } from "../draw/axes.ts";
import { Chart } from "../draw/chart.tsx";
import { cssColour, faded } from "../draw/css-colour.ts";
import { type Fan, fan } from "../model/fan.ts";
import { figures, nowMs } from "../model/live-state.ts";
import { following, node, nodesWithSeries, quantitiesOfNode, quantityInfo, shownPastMs, type Track, track } from "../model/questions.ts";
import * as chosen from "../model/selection.ts";
import { theme } from "../model/theme.ts";
import { shortName } from "../pure/distinguished-name.ts";
import { duration, percent, withUnit } from "../pure/numbers.ts";
import { modelColours } from "../pure/series-colour.ts";
import { Awaited, Choice, Panel } from "./panel.tsx";

const HEIGHT = 318;
/** In the list of nodes: whichever has new values. */
const LIVE = "";

export function ForecastChart() {
  const id = node.value;
  const quantity = chosen.quantity.value;
  const found = track.data.value;
  const options = useMemo(() => nodesWithSeries.value.map((name) => ({ value: name, text: shortName(name) })), [nodesWithSeries.value]);
  const wish = chosen.chosenNode.value;
  const other = id === null || nodesWithSeries.value.includes(id) ? [] : [{ value: id, text: shortName(id) }];
  const listed = [{ value: LIVE, text: following.value && id !== null ? `live · ${shortName(id)}` : "follow the live one" }, ...other, ...options];
  const choose = (name: string) => void (chosen.chosenNode.value = name === LIVE ? null : name);
  return (
    <Panel
      name="forecast-chart"
      title="Forecasts and outcomes"
      hint={id !== null && quantity !== null ? `${shortName(id)} · ${quantityInfo(quantity).label}` : ""}
      controls={id !== null && <Choice label="Node" value={wish === null ? LIVE : id} options={listed} onChoose={choose} />}
    >
      {found && drawable(found) ? <Drawn found={found} /> : <Empty answered={found !== null} />}
    </Panel>
  );
}

const drawable = ({ steps, newest, observed }: Track) => observed.length > 0 || [...steps, ...newest].some((step) => step.quantiles.length > 0);

function Empty({ answered }: { answered: boolean }) {
  const id = node.value;
  const f = figures.value;
  const quantity = chosen.quantity.value;
  const has = id === null ? [] : [...(quantitiesOfNode.value.get(id) ?? [])].filter((name) => name !== quantity && chosen.quantitiesScored.value.includes(name));
  const ended = id !== null && quantity !== null && quantitiesOfNode.value.get(id)?.has(quantity);
  if (track.error.value) return <Awaited>The forecasts could not be read: {track.error.value}</Awaited>;
  if (!f || f.events_accepted === 0) return <Awaited>Waiting for the first measurements.</Awaited>;
  if (f.forecasts_issued === 0) return <Awaited>Measurements flow in. The first forecasts in about 20 s, once the twin has a recent past to look at.</Awaited>;
  if (quantity === null) return <Awaited>Forecasts are sealed. Their first outcomes are awaited.</Awaited>;
  if (!answered) return <Awaited>Reading forecasts…</Awaited>;
  return (
    <Awaited>
      {id === null ? "No node" : shortName(id)} has {ended ? `no values of ${quantity} in this window, the last ${duration(shownPastMs.value / 1000)}.` : `no ${quantity}.`}
      {has.length > 0 && (ended ? " It has also had " : " It has ")}
      {has.map((name) => (
        <button type="button" class="link" key={name} onClick={() => chosen.chooseQuantity(name)}>
          {name}
        </button>
      ))}
    </Awaited>
  );
}

function Drawn({ found }: { found: Track }) {
  const dark = theme.value === "dark";
  const model = chosen.model.value ?? "";
  const unit = found.unit ?? quantityInfo(chosen.quantity.value ?? "").unit;
  const made = useMemo(() => fan(found.steps, found.newest, found.observed), [found]);
  const colour = modelColours(chosen.modelsScored.value, dark).get(model) ?? cssColour("--accent");
  const options = useMemo(() => chartOptions(unit, colour, cssColour("--observed"), made), [unit, colour, dark, made.atoms]);
  const last = found.observed.at(-1);
  return (
    <>
      <Chart options={options} data={made.columns as uPlot.AlignedData} height={HEIGHT} label={`Forecasts by ${model} and observed values of ${chosen.quantity.value} at ${node.value}`} />
      <ul class="legend">
        <li>
          <i class="dot" style={{ background: cssColour("--observed") }} /> observed {last && <b>{withUnit(last.value, unit)}</b>}
        </li>
        <li>
          <i class="band" style={{ background: faded(colour, 0.35), borderColor: colour }} /> {model}, {duration(chosen.horizon.value)} ahead: median, 50 % and 80 % bands
        </li>
        {made.atoms.length > 0 && (
          <li>
            <i class="atom" style={{ background: colour }} /> atom: probability on one value
          </li>
        )}
        {made.inside && (
          <li class="dim">
            {percent(made.inside.share)} of {made.inside.of} outcomes here in the 80 % band
          </li>
        )}
      </ul>
    </>
  );
}

function chartOptions(unit: string, colour: string, observed: string, made: Fan): Omit<uPlot.Options, "width" | "height"> {
  const edge: uPlot.Series = { width: 0, points: { show: false }, stroke: "transparent" };
  return {
    series: [
      {},
      edge, { width: 0, points: { show: false } }, edge,
      edge, { stroke: colour, width: 1.6, points: { show: false } }, edge,
      { stroke: faded(observed, 0.55), width: 1, points: { show: true, size: 4.5, fill: observed, width: 0 } },
    ],
    bands: [
      { series: [3, 1], fill: faded(colour, 0.16) },
      { series: [6, 4], fill: faded(colour, 0.26) },
    ],
    axes: axes(unit === "1" ? "" : unit),
    legend: { show: false },
    cursor: CURSOR,
    hooks: { drawAxes: [(plot) => drawNow(plot)], draw: [(plot) => drawAtoms(plot, made.atoms, colour)] },
  };
}

/** Where the platform's clock stands: right of it nothing has happened yet. */
function drawNow(plot: uPlot): void {
  const { ctx, bbox } = plot;
  const x = plot.valToPos(nowMs.peek() / 1000, "x", true);
  if (x < bbox.left || x > bbox.left + bbox.width) return;
  ctx.save();
  ctx.fillStyle = faded(cssColour("--ink"), 0.04);
  ctx.fillRect(x, bbox.top, bbox.left + bbox.width - x, bbox.height);
  ctx.strokeStyle = cssColour("--dim");
  ctx.fillStyle = cssColour("--dim");
  ctx.setLineDash([3, 3]);
  ctx.beginPath();
  ctx.moveTo(x, bbox.top);
  ctx.lineTo(x, bbox.top + bbox.height);
  ctx.stroke();
  ctx.textAlign = "left";
  ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
  ctx.fillText("now", x + 4 * devicePixelRatio, bbox.top + 11 * devicePixelRatio);
  ctx.restore();
}

/** Each atom as a bar across its value, the darker the more of the probability lies on it. */
function drawAtoms(plot: uPlot, found: Fan["atoms"], colour: string): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  for (const atom of found) {
    const x = plot.valToPos(atom.atMs / 1000, "x", true);
    const y = plot.valToPos(atom.value, "y", true);
    const size = (2 + 5 * atom.mass) * devicePixelRatio;
    ctx.fillStyle = faded(colour, 0.35 + 0.6 * atom.mass);
    ctx.fillRect(x - size / 2, y - 1.5 * devicePixelRatio, size, 3 * devicePixelRatio);
  }
  ctx.restore();
}
