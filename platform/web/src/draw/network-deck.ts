/** The network in space with deck.gl. Loaded only when there is a network to draw: it is most of the bundle. */

import { Deck, OrthographicView, type OrthographicViewState, type PickingInfo } from "@deck.gl/core";
import { LineLayer, PolygonLayer, ScatterplotLayer, TextLayer } from "@deck.gl/layers";
import { heart, type MapCell, type MapLink, type MapUe, type NetworkMap } from "../model/network-map.ts";
import { type Point, sector } from "../pure/geometry.ts";
import type { Rgb } from "../pure/series-colour.ts";

export interface Picture {
  map: NetworkMap;
  /** By id of a cell or UE; null where it has no value. */
  colour: (id: string) => Rgb | null;
  describe: (id: string) => string;
  selected: string | null;
  ink: Rgb;
  ground: Rgb;
  accent: Rgb;
}

export interface Events {
  onSelect: (id: string) => void;
  /** How many metres (or units of the schematic) a pixel is wide. */
  onScale: (unitsPerPixel: number) => void;
}

type Rgba = [number, number, number, number];

export class NetworkDeck {
  private readonly deck: Deck<OrthographicView>;
  private picture: Picture | null = null;
  private view: OrthographicViewState = { target: [0, 0, 0], zoom: 0 };
  private fitted = "";
  /** By the reader, since all of it was shown last. */
  private moved = false;

  constructor(private readonly box: HTMLDivElement, private readonly events: Events) {
    this.deck = new Deck({
      parent: box,
      views: new OrthographicView({ id: "plan", flipY: false }),
      controller: { keyboard: true, inertia: false },
      viewState: this.view,
      layers: [],
      pickingRadius: 4,
      onViewStateChange: ({ viewState }) => {
        this.moved = true;
        this.look(viewState as OrthographicViewState);
      },
      onClick: (info) => {
        const id = (info.object as { id?: string } | undefined)?.id;
        if (id) events.onSelect(id);
      },
      getTooltip: (info) => this.tooltip(info),
      getCursor: ({ isDragging, isHovering }) => (isDragging ? "grabbing" : isHovering ? "pointer" : "grab"),
      onResize: () => this.refit(),
    });
  }

  show(picture: Picture): void {
    this.picture = picture;
    const { map } = picture;
    const extent = [map.kind, map.cells.length, map.radius.toFixed(0)].join(" ");
    // The places of a schematic shift as nodes come: followed, until the reader has looked elsewhere.
    if (extent !== this.fitted || (map.kind === "schematic" && !this.moved)) {
      this.fitted = extent;
      this.fit();
    }
    this.draw();
  }

  /** Show all of it. */
  fit(): void {
    const { kind, cells, ues, radius } = this.picture?.map ?? { kind: "schematic", cells: [], ues: [], radius: 1 };
    const places = [...cells, ...ues].map((node) => node.place);
    const { clientWidth: width, clientHeight: height } = this.box;
    if (places.length === 0 || width === 0 || height === 0) return;
    const [left, right] = extremes(places.map((p) => p.x), radius * 1.15);
    const [bottom, top] = extremes(places.map((p) => p.y), radius * 1.15);
    // Below a schematic there is room for a node's label, and under that for the caption.
    const below = kind === "schematic" ? 48 : 8;
    const zoom = Math.min(3, Math.log2(Math.min((width - 16) / (right - left), (height - 8 - below) / (top - bottom))));
    this.look({ target: [(left + right) / 2, (bottom + top) / 2 - (below - 8) / 2 / 2 ** zoom, 0], zoom });
    this.moved = false;
  }

  destroy(): void {
    this.deck.finalize();
  }

  private refit(): void {
    if (this.picture) this.fit();
  }

  private look(view: OrthographicViewState): void {
    this.view = { target: view.target!, zoom: view.zoom! };
    this.deck.setProps({ viewState: this.view });
    this.events.onScale(2 ** -(Array.isArray(this.view.zoom) ? this.view.zoom[0]! : (this.view.zoom ?? 0)));
  }

  private tooltip({ object }: PickingInfo): { text: string; className: string } | null {
    const id = (object as { id?: string } | undefined)?.id;
    return id && this.picture ? { text: this.picture.describe(id), className: "map-tip" } : null;
  }

  private draw(): void {
    const picture = this.picture!;
    const { map, ink, accent, selected } = picture;
    const places = new Map<string, Point>(map.ues.map((ue) => [ue.id, ue.place]));
    for (const cell of map.cells) places.set(cell.id, heart(cell, map.radius));
    const near = (link: MapLink) => link.source === selected || link.target === selected;
    const end = (id: string): [number, number] => [places.get(id)?.x ?? 0, places.get(id)?.y ?? 0];
    const fill = (cell: MapCell): Rgba => alpha(picture.colour(cell.id) ?? ink, picture.colour(cell.id) ? (cell.locked ? 90 : 240) : 14);
    this.deck.setProps({
      layers: [
        new LineLayer<MapLink>({
          id: "links",
          data: map.links.filter((link) => places.has(link.source) && places.has(link.target)),
          getSourcePosition: (link) => end(link.source),
          getTargetPosition: (link) => end(link.target),
          getColor: (link) => (near(link) ? alpha(accent, 210) : alpha(ink, link.kind === "serves" ? 120 : 40)),
          getWidth: (link) => (near(link) ? 1.8 : link.kind === "serves" ? 1.4 : 1),
          updateTriggers: { getColor: [selected, ink], getWidth: selected },
        }),
        new PolygonLayer<MapCell>({
          id: "cells",
          data: map.cells,
          getPolygon: (cell) => sector(cell.place, cell.azimuthDeg ?? 0, cell.widthDeg, cell.azimuthDeg === null ? map.radius * 0.55 : map.radius),
          getFillColor: fill,
          getLineColor: (cell) => (cell.id === selected ? alpha(ink, 255) : picture.colour(cell.id) ? alpha(picture.ground, 255) : alpha(ink, 90)),
          getLineWidth: (cell) => (cell.id === selected ? 2.5 : 1),
          lineWidthUnits: "pixels",
          pickable: true,
          updateTriggers: { getFillColor: picture.colour, getLineColor: [selected, ink, picture.colour], getLineWidth: selected },
        }),
        new ScatterplotLayer<MapUe>({
          id: "ues",
          data: map.ues,
          getPosition: (ue) => [ue.place.x, ue.place.y],
          radiusUnits: "pixels",
          getRadius: (ue) => (ue.id === selected ? 7 : 5),
          getFillColor: (ue) => alpha(picture.colour(ue.id) ?? ink, picture.colour(ue.id) ? 255 : 110),
          getLineColor: (ue) => alpha(ue.id === selected ? ink : picture.ground, 255),
          stroked: true,
          lineWidthUnits: "pixels",
          getLineWidth: 1.5,
          pickable: true,
          updateTriggers: { getRadius: selected, getFillColor: picture.colour, getLineColor: [selected, ink, picture.ground] },
        }),
        this.labels(picture),
      ],
    });
  }

  private labels({ map, ink, ground }: Picture): TextLayer {
    const few = map.kind === "schematic" ? (map.cells.length <= 40 ? [...map.cells, ...map.ues] : map.ues) : map.sites;
    return new TextLayer<{ label: string; place: Point }>({
      id: "labels",
      data: few.length <= 60 ? few : [],
      getText: (site) => (site.label.length > 18 ? `${site.label.slice(0, 17)}…` : site.label),
      getPosition: (site) => [site.place.x, site.place.y],
      getSize: 11,
      getPixelOffset: [0, map.kind === "schematic" ? 15 : 0],
      getColor: alpha(ink, 255),
      background: true,
      getBackgroundColor: alpha(ground, 185),
      backgroundPadding: [3, 1],
      fontFamily: "system-ui, 'DejaVu Sans', sans-serif",
      characterSet: "auto",
      updateTriggers: { getColor: ink, getBackgroundColor: ground },
    });
  }
}

function extremes(values: readonly number[], margin: number): [number, number] {
  return [Math.min(...values) - margin, Math.max(...values) + margin];
}

const alpha = (rgb: Rgb, opacity: number): Rgba => [rgb[0], rgb[1], rgb[2], opacity];
