/** The topology as it is drawn: cells as sectors at their sites, UEs, and the lines between them. */

import type { NodeItem, RelationItem } from "../api/wire.ts";
import { ancestors, rdns, shortName } from "../pure/distinguished-name.ts";
import { localMetres, type Point, spacing } from "../pure/geometry.ts";
import { springLayout } from "../pure/layout.ts";

export interface MapCell {
  id: string;
  /** All nodes that are this cell: its DU part, its CU part. */
  members: string[];
  label: string;
  place: Point;
  azimuthDeg: number | null;
  widthDeg: number;
  locked: boolean;
}

export interface MapUe {
  id: string;
  label: string;
  place: Point;
}

export interface MapLink {
  kind: "adjacent" | "serves";
  source: string;
  target: string;
}

export interface MapSite {
  id: string;
  label: string;
  place: Point;
}

export interface NetworkMap {
  /** "geographic": places are metres east and north; "schematic": places mean nothing but who is near whom. */
  kind: "geographic" | "schematic";
  cells: MapCell[];
  ues: MapUe[];
  sites: MapSite[];
  links: MapLink[];
  /** How far a sector is drawn to reach, in the units of the places. */
  radius: number;
}

const CELL_CLASS = /^(NRCell(DU|CU)?|EUtran(Generic)?Cell(FDD|TDD)?|UtranCell(FDD|TDD)?|GsmCell|Cell)$/;
const UE_CLASS = /^(UE|UserEquipment|UEBin)$/;
const SCHEMATIC_RADIUS = 13;

/** Nodes and relations as a map. `before` keeps the places of what was drawn already, where none are known. */
export function networkMap(
  nodes: readonly NodeItem[],
  relations: readonly RelationItem[],
  before: ReadonlyMap<string, Point> = new Map(),
): NetworkMap {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const cells = joinParts(nodes.filter((node) => CELL_CLASS.test(node.node_class)));
  const cellOf = new Map(cells.flatMap((cell) => cell.members.map((id) => [id, cell.id])));
  const ues = nodes.filter((node) => UE_CLASS.test(node.node_class));
  const shown = new Set([...cellOf.keys(), ...ues.map((ue) => ue.id)]);
  const links = [...linksAmong(relations, shown, cellOf), ...linksOfRelationNodes(nodes, cellOf)];
  const located = new Map(cells.map((cell) => [cell.id, position(cell.members, byId)]));
  const known = [...located.values()].filter((p) => p !== null);
  if (known.length === 0) return schematic(cells, ues, unique(links), byId, before);
  return geographic(cells, ues, unique(links), byId, located);
}

// ---------------------------------------------------------------- nodes
/** The ManagedElement that stands there, since a position may be given for the cell alone. */
function siteName(id: string): string {
  return rdns(id).find((rdn) => rdn.type === "ManagedElement")?.value ?? shortName(id);
}

/** The network's own name: the SubNetwork that all cells are in, if it is one. */
export function networkName({ cells }: NetworkMap): string | null {
  const names = new Set(cells.map((cell) => rdns(cell.id).find((rdn) => rdn.type === "SubNetwork")?.value));
  return names.size === 1 ? ([...names][0] ?? null) : null;
}

/** The DU and CU parts of one NR cell as one, by ManagedElement and local id. */
function joinParts(nodes: readonly NodeItem[]): { id: string; members: string[] }[] {
  const groups = new Map<string, NodeItem[]>();
  for (const node of nodes) {
    const names = rdns(node.id);
    const element = names.findIndex((rdn) => rdn.type === "ManagedElement");
    const isPart = /^NRCell(DU|CU)$/.test(node.node_class) && element >= 0;
    const local = String(node.properties["cellLocalId"] ?? names[names.length - 1]!.value);
    const key = isPart ? `${names.slice(0, element + 1).map((r) => `${r.type}=${r.value}`).join(",")}#${local}` : node.id;
    groups.set(key, [...(groups.get(key) ?? []), node]);
  }
  return [...groups.values()].map((parts) => {
    const du = parts.find((part) => part.node_class === "NRCellDU") ?? parts[0]!;
    return { id: du.id, members: [du.id, ...parts.filter((part) => part !== du).map((part) => part.id)] };
  });
}

function position(members: readonly string[], byId: ReadonlyMap<string, NodeItem>): { latitude: number; longitude: number; site: string } | null {
  for (const id of members.flatMap((member) => [member, ...ancestors(member)])) {
    const latitude = number(byId.get(id)?.properties, ["latitude", "lat", "latitude_deg"]);
    const longitude = number(byId.get(id)?.properties, ["longitude", "lon", "longitude_deg"]);
    if (latitude !== null && longitude !== null) return { latitude, longitude, site: id };
  }
  return null;
}

/** Of the cell itself, else of what its sector carrier (by reference, or by the same local id) contains. */
function azimuth(members: readonly string[], byId: ReadonlyMap<string, NodeItem>, children: ReadonlyMap<string, string[]>): number | null {
  const names = ["azimuth", "azimuth_deg", "antennaAzimuth", "digitalAzimuth", "bearing"];
  for (const id of members) {
    const own = number(byId.get(id)?.properties, names);
    if (own !== null) return own;
    const leaf = rdns(id).at(-1)!.value;
    const sibling = `${ancestors(id)[0] ?? ""},NRSectorCarrier=${leaf}`;
    for (const carrier of [...references(byId.get(id)?.properties["nRSectorCarrierRef"]), sibling]) {
      for (const part of [carrier, ...(children.get(carrier) ?? [])]) {
        const found = number(byId.get(part)?.properties, names);
        if (found !== null) return found;
      }
    }
  }
  return null;
}

function references(value: unknown): string[] {
  if (Array.isArray(value)) return value.map(String);
  if (typeof value !== "string" || value === "") return [];
  // A store that keeps scalars only keeps a list as its JSON.
  if (value.startsWith("[")) {
    try {
      return (JSON.parse(value) as unknown[]).map(String);
    } catch {
      return [value];
    }
  }
  return [value];
}

function number(properties: Record<string, unknown> | undefined, names: readonly string[]): number | null {
  for (const name of names) {
    const value = properties?.[name];
    if (typeof value === "number" && Number.isFinite(value)) return value;
  }
  return null;
}

function label(id: string, byId: ReadonlyMap<string, NodeItem>): string {
  const given = byId.get(id)?.properties["cellName"] ?? byId.get(id)?.properties["userLabel"];
  return typeof given === "string" && given !== "" ? given : shortName(id);
}

const isLocked = (node: NodeItem | undefined) =>
  node?.properties["administrativeState"] === "LOCKED" || node?.properties["operationalState"] === "DISABLED";

// ---------------------------------------------------------------- links
function linksAmong(relations: readonly RelationItem[], shown: ReadonlySet<string>, cellOf: ReadonlyMap<string, string>): MapLink[] {
  return relations
    .filter((r) => (r.relation === "adjacent" || r.relation === "serves") && shown.has(r.source) && shown.has(r.target))
    .map((r) => ({ kind: r.relation as MapLink["kind"], source: cellOf.get(r.source) ?? r.source, target: cellOf.get(r.target) ?? r.target }));
}

/** NRCellRelation (TS 28.541, 4.3.32) is a node below its cell that refers to the neighbour. */
function linksOfRelationNodes(nodes: readonly NodeItem[], cellOf: ReadonlyMap<string, string>): MapLink[] {
  return nodes
    .filter((node) => /CellRelation$/.test(node.node_class))
    .flatMap((node) => {
      const source = ancestors(node.id).map((id) => cellOf.get(id)).find((id) => id !== undefined);
      return references(node.properties["adjacentNRCellRef"] ?? node.properties["adjacentCellRef"])
        .map((ref) => cellOf.get(ref))
        .filter((target): target is string => target !== undefined && source !== undefined)
        .map((target) => ({ kind: "adjacent" as const, source: source!, target }));
    });
}

/** Each pair once: a neighbour relation is drawn the same from either end. */
function unique(links: readonly MapLink[]): MapLink[] {
  const once = new Map<string, MapLink>();
  for (const link of links) {
    if (link.source !== link.target) once.set(`${link.kind} ${[link.source, link.target].sort().join(" ")}`, link);
  }
  return [...once.values()];
}

// ---------------------------------------------------------------- places
type Located = ReadonlyMap<string, { latitude: number; longitude: number; site: string } | null>;

function geographic(parts: readonly { id: string; members: string[] }[], ueNodes: readonly NodeItem[], links: MapLink[], byId: ReadonlyMap<string, NodeItem>, located: Located): NetworkMap {
  const known = [...located.values()].filter((p) => p !== null);
  const origin = { latitude: mean(known.map((p) => p.latitude)), longitude: mean(known.map((p) => p.longitude)) };
  const children = childrenOf(byId);
  const sites = new Map<string, MapSite>();
  const cells = parts.flatMap((part) => {
    const at = located.get(part.id);
    if (!at) return []; // Without a place it cannot be drawn among those that have one; the list still has it.
    const place = localMetres(at.latitude, at.longitude, origin);
    sites.set(`${at.latitude},${at.longitude}`, { id: at.site, label: siteName(at.site), place });
    return [cellAt(part, place, byId, azimuth(part.members, byId, children))];
  });
  const between = spacing([...sites.values()].map((site) => site.place));
  // Sectors of the nearest sites just touch, unless one pair stands so close that all would be dots.
  const radius = Number.isFinite(between.median) ? Math.max(between.least * 0.49, between.median * 0.25) : 200;
  widen(cells);
  const placeOf = new Map(cells.map((cell) => [cell.id, heart(cell, radius)]));
  const ues = ueNodes.flatMap((ue) => {
    const own = position([ue.id], byId);
    const cell = links.find((link) => link.kind === "serves" && link.target === ue.id)?.source;
    const place = own ? localMetres(own.latitude, own.longitude, origin) : cell ? placeOf.get(cell) : undefined;
    return place ? [{ id: ue.id, label: label(ue.id, byId), place }] : [];
  });
  return { kind: "geographic", cells, ues, sites: [...sites.values()], links, radius };
}

function schematic(parts: readonly { id: string; members: string[] }[], ueNodes: readonly NodeItem[], links: MapLink[], byId: ReadonlyMap<string, NodeItem>, before: ReadonlyMap<string, Point>): NetworkMap {
  // Beyond this many the springs take seconds; then each new node keeps its place on the spiral.
  const ids = [...parts.map((part) => part.id), ...ueNodes.map((ue) => ue.id)];
  const places = springLayout(ids, links.map((link) => [link.source, link.target] as const), before, ids.length > 400 ? 0 : 120);
  const cells = parts.map((part) => cellAt(part, places.get(part.id)!, byId, null));
  const ues = ueNodes.map((ue) => ({ id: ue.id, label: label(ue.id, byId), place: places.get(ue.id)! }));
  return { kind: "schematic", cells, ues, sites: [], links, radius: SCHEMATIC_RADIUS };
}

function cellAt(part: { id: string; members: string[] }, place: Point, byId: ReadonlyMap<string, NodeItem>, azimuthDeg: number | null): MapCell {
  const locked = part.members.some((id) => isLocked(byId.get(id)));
  return { ...part, label: label(part.id, byId), place, azimuthDeg, widthDeg: azimuthDeg === null ? 360 : 65, locked };
}

/** Sectors of one site share the circle: drawn as wide as their number allows. */
function widen(cells: MapCell[]): void {
  const atSite = new Map<string, number>();
  const key = (cell: MapCell) => `${Math.round(cell.place.x)},${Math.round(cell.place.y)}`;
  for (const cell of cells) atSite.set(key(cell), (atSite.get(key(cell)) ?? 0) + 1);
  for (const cell of cells) {
    if (cell.azimuthDeg !== null) cell.widthDeg = Math.min(110, 330 / atSite.get(key(cell))!);
  }
}

/** Where lines to a cell begin: the middle of its sector. */
export function heart(cell: MapCell, radius: number): Point {
  if (cell.azimuthDeg === null) return cell.place;
  const angle = (cell.azimuthDeg * Math.PI) / 180;
  return { x: cell.place.x + 0.62 * radius * Math.sin(angle), y: cell.place.y + 0.62 * radius * Math.cos(angle) };
}

function childrenOf(byId: ReadonlyMap<string, NodeItem>): Map<string, string[]> {
  const children = new Map<string, string[]>();
  for (const id of byId.keys()) {
    const parent = ancestors(id)[0];
    if (parent !== undefined) children.set(parent, [...(children.get(parent) ?? []), id]);
  }
  return children;
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
