/** The network: cells as sectors where they stand, or as a diagram where no positions are known. */

import { useSignal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { cssColour, rgbOf } from "../draw/css-colour.ts";
import type { NetworkDeck, Picture } from "../draw/network-deck.ts";
import type { NetworkMap } from "../model/network-map.ts";
import { colours, graph, map, node, quantityInfo } from "../model/questions.ts";
import * as chosen from "../model/selection.ts";
import { theme } from "../model/theme.ts";
import { shortName } from "../pure/distinguished-name.ts";
import { scaleBar } from "../pure/geometry.ts";
import { count, fidelity, rounded, withUnit } from "../pure/numbers.ts";
import { gradient, skillColour, valueColour } from "../pure/series-colour.ts";
import { Awaited, Choice, Panel } from "./panel.tsx";

const COLOURINGS = [
  { value: "value" as const, text: "latest value" },
  { value: "fidelity" as const, text: "fidelity" },
];

export function Topology() {
  const shown = map.value;
  const drawable = shown !== null && shown.cells.length + shown.ues.length > 0;
  return (
    <Panel
      name="topology"
      title="Topology"
      hint={drawable ? summary(shown) : ""}
      controls={<Choice label="Colour" value={chosen.colourBy.value} options={COLOURINGS} onChoose={(by) => void (chosen.colourBy.value = by)} />}
    >
      {drawable ? <Plan shown={shown} /> : <Awaited>{waiting()}</Awaited>}
    </Panel>
  );
}

function waiting(): string {
  if (graph.error.value) return `The topology could not be read: ${graph.error.value}`;
  if (graph.data.value === null) return "Reading the topology…";
  const some = graph.data.value.nodes.length;
  return some > 0 ? `${count(some)} nodes are known, and no cell among them yet.` : "No cell is known yet. Cells come with a configuration snapshot, or with the first measurements.";
}

function summary({ cells, sites, ues, links }: NetworkMap): string {
  const neighbours = links.filter((link) => link.kind === "adjacent").length;
  const parts: [number, string][] = [[sites.length, "sites"], [cells.length, "cells"], [neighbours, "neighbours"], [ues.length, "UEs"]];
  return parts.filter(([n]) => n > 0).map(([n, what]) => `${count(n)} ${n === 1 ? what.replace(/s$/, "") : what}`).join(" · ");
}

function Plan({ shown }: { shown: NetworkMap }) {
  const box = useRef<HTMLDivElement>(null);
  const deck = useRef<NetworkDeck | null>(null);
  const loaded = useSignal(false);
  const trouble = useSignal("");
  const unitsPerPixel = useSignal(1);
  const range = useMemo(() => extent(colours.data.value), [colours.data.value]);
  const picture = useMemo(() => pictureOf(shown, range), [shown, colours.data.value, range, node.value, theme.value, chosen.quantity.value, chosen.colourBy.value]);

  useEffect(() => {
    let gone = false;
    load(box.current!, { onSelect: (id) => void (chosen.chosenNode.value = id), onScale: (scale) => void (unitsPerPixel.value = scale) }).then(
      (made) => {
        if (gone) return made.destroy();
        deck.current = made;
        loaded.value = true;
      },
      (problem: Error) => (trouble.value = problem.message),
    );
    return () => {
      gone = true;
      deck.current?.destroy();
      deck.current = null;
    };
  }, []);
  useEffect(() => deck.current?.show(picture), [picture, loaded.value]);

  return (
    <>
      <div class="plan">
        <div class="canvas" ref={box} role="img" aria-label={`The network: ${summary(shown)}. Choose a node from the list of the forecasts.`} />
        {trouble.value && <p class="awaited over">The map needs WebGL, which this browser does not give ({trouble.value}). Nodes can be chosen from the list beside the forecasts.</p>}
        {shown.kind === "geographic" && loaded.value && <Scale unitsPerPixel={unitsPerPixel.value} />}
        {shown.kind === "schematic" && <p class="plan-note">Positions are not known: who is near whom by relations, not to scale.</p>}
        <button type="button" class="fit" onClick={() => deck.current?.fit()}>
          Fit
        </button>
      </div>
      <Legend range={range} />
    </>
  );
}

async function load(box: HTMLDivElement, events: ConstructorParameters<typeof NetworkDeck>[1]): Promise<NetworkDeck> {
  if (!document.createElement("canvas").getContext("webgl2")) throw new Error("no WebGL 2");
  const drawing = await import("../draw/network-deck.ts");
  return new drawing.NetworkDeck(box, events);
}

type Range = { low: number; high: number } | null;

function extent(values: ReadonlyMap<string, number> | null): Range {
  if (values === null || values.size === 0) return null;
  const known = [...values.values()];
  return { low: Math.min(...known), high: Math.max(...known) };
}

function pictureOf(shown: NetworkMap, range: Range): Picture {
  const values = colours.data.value;
  const by = chosen.colourBy.value;
  const quantity = chosen.quantity.value ?? "";
  const unit = quantityInfo(quantity).unit;
  const selected = node.value;
  return {
    map: shown,
    selected: shown.cells.find((cell) => selected !== null && cell.members.includes(selected))?.id ?? selected,
    ink: rgbOf(cssColour("--ink")),
    ground: rgbOf(cssColour("--panel")),
    accent: rgbOf(cssColour("--accent")),
    colour: (id) => {
      const value = values?.get(id);
      if (value === undefined) return null;
      return by === "fidelity" ? skillColour(value) : valueColour(value, range?.low ?? 0, range?.high ?? 1, theme.value === "dark");
    },
    describe: (id) => {
      const cell = shown.cells.find((c) => c.id === id);
      const value = values?.get(id);
      const figure = value === undefined ? "no recent value" : by === "fidelity" ? `fidelity ${fidelity(value)}` : withUnit(value, unit);
      return `${cell?.label ?? shortName(id)}${cell?.locked ? " (locked)" : ""}\n${quantity}: ${figure}`;
    },
  };
}

function Scale({ unitsPerPixel }: { unitsPerPixel: number }) {
  const { metres, pixels } = scaleBar(unitsPerPixel, 120);
  return (
    <p class="scale-bar" style={{ width: `${pixels}px` }}>
      {metres >= 1000 ? `${metres / 1000} km` : `${metres} m`}
    </p>
  );
}

function Legend({ range }: { range: Range }) {
  const by = chosen.colourBy.value;
  const name = chosen.quantity.value;
  if (name === null) return null;
  const unit = quantityInfo(name).unit;
  const [low, high] = by === "fidelity" ? ["≤ −1", "1"] : [rounded(range?.low), `${withUnit(range?.high, unit)}`];
  return (
    <p class="scale">
      <span>{by === "fidelity" ? `Fidelity of ${chosen.model.value}` : name}</span>
      <span class="num">{range || by === "fidelity" ? low : ""}</span>
      <i style={{ background: gradient(by === "fidelity" ? "skill" : "value", theme.value === "dark") }} aria-hidden="true" />
      <span class="num">{range || by === "fidelity" ? high : "no recent values"}</span>
    </p>
  );
}
