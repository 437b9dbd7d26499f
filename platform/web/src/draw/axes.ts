/** What all charts share: axes in the page's colours, times in UTC, units on the left. */

import type uPlot from "uplot";
import { rounded } from "../pure/numbers.ts";
import { cssColour } from "./css-colour.ts";

const FONT = "11px ui-sans-serif, system-ui, 'DejaVu Sans', sans-serif";

export function axes(unit: string, format: (value: number) => string = (v) => rounded(v)): uPlot.Axis[] {
  const shared = {
    stroke: cssColour("--dim"),
    font: FONT,
    labelFont: FONT,
    grid: { stroke: cssColour("--rule"), width: 1 },
    ticks: { stroke: cssColour("--rule"), width: 1, size: 4 },
  };
  return [
    { ...shared, values: (_, ticks) => ticks.map(timeTick(ticks)), space: 70, size: 26, gap: 4 },
    { ...shared, values: (_, ticks) => ticks.map(format), size: 52, gap: 4, ...(unit ? { label: unit, labelSize: 16, labelGap: 0 } : {}) },
  ];
}

function timeTick(ticks: readonly number[]): (seconds: number) => string {
  const short = ticks.length > 1 && ticks[1]! - ticks[0]! < 60;
  return (seconds) => new Date(seconds * 1000).toISOString().slice(11, short ? 19 : 16);
}

/** A cursor that shows where it is, without zooming: the page is watched, not explored with a mouse alone. */
export const CURSOR: uPlot.Cursor = { y: false, drag: { x: false, y: false }, points: { size: 7 } };
