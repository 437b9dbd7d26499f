/** What the page asks of the API besides the live feed, and what follows from the answers. */

import { computed } from "@preact/signals";
import * as api from "../api/client.ts";
import type { FidelityItem, OutcomeItem, Point, QuantityItem } from "../api/wire.ts";
import { nowMs } from "./live-state.ts";
import { type NetworkMap, networkMap } from "./network-map.ts";
import { firstLive } from "../pure/first-live.ts";
import { resource } from "./resource.ts";
import * as chosen from "./selection.ts";

const MINUTE_MS = 60_000;
/** Odd multiples of 5 %: fine enough to see atoms, and the ends of the 50 % and 80 % bands are among them. */
const LEVELS = [0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95];
const started = computed(() => nowMs.value > 0);

// ---------------------------------------------------------------- names and units
const ontology = resource(() => ({ key: "ontology", ask: api.ontology }), 10 * MINUTE_MS);
export const series = resource(() => ({ key: "series", ask: api.seriesList }), 20_000);

const byName = computed(() => new Map((ontology.data.value?.quantities ?? []).map((q) => [q.name, q])));
const bySeries = computed(() => new Map((series.data.value ?? []).map((s) => [s.quantity, s])));

export function quantityInfo(name: string): Pick<QuantityItem, "label" | "unit"> {
  const known = byName.value.get(name);
  const seen = bySeries.value.get(name);
  return { label: known?.label ?? seen?.label ?? name, unit: known?.unit ?? seen?.unit ?? "" };
}

// ---------------------------------------------------------------- topology
export const graph = resource(() => (started.value ? { key: "graph", ask: api.topology } : null), 10_000);

let drawn: NetworkMap | null = null;
export const map = computed<NetworkMap | null>(() => {
  const found = graph.data.value;
  if (found === null) return drawn;
  const before = new Map(drawn?.kind === "schematic" ? [...drawn.cells, ...drawn.ues].map((n) => [n.id, n.place]) : []);
  drawn = networkMap(found.nodes, found.relations, before);
  return drawn;
});

/** Which node's series a drawn node shows: its own, or that of another part of the same cell. */
export const quantitiesOfNode = computed(() => {
  const names = new Map<string, Set<string>>();
  for (const { object_id, quantity } of series.data.value ?? []) names.set(object_id, (names.get(object_id) ?? new Set()).add(quantity));
  return names;
});

export function partWith(members: readonly string[], quantity: string): string | null {
  return members.find((id) => quantitiesOfNode.value.get(id)?.has(quantity)) ?? null;
}

/** The nodes that have series, in the order of their names. */
export const nodesWithSeries = computed(() => [...quantitiesOfNode.value.keys()].sort((a, b) => a.localeCompare(b, "en", { numeric: true })));

/** How much of the past the forecasts' chart shows. */
export const shownPastMs = computed(() => Math.max(20 * MINUTE_MS, 6000 * (chosen.horizon.value ?? 0)));

/** Those with the chosen quantity. Nodes that came last come first: in a drive test they are the ones that still move. */
const candidates = computed(() => {
  const quantity = chosen.quantity.value;
  const since = new Map((graph.data.value?.nodes ?? []).map((n) => [n.id, Date.parse(n.valid_from)]));
  return nodesWithSeries.value
    .filter((id) => quantity === null || quantitiesOfNode.value.get(id)?.has(quantity))
    .sort((a, b) => (since.get(b) ?? 0) - (since.get(a) ?? 0));
});

let followed: string | null = null;
/** The node that is followed while none is chosen: it stays as long as it has new values. */
const liveNode = resource<{ id: string | null }>(() => {
  const [quantity, ids, chosenOne] = [chosen.quantity.value, candidates.value, chosen.chosenNode.value];
  if (quantity === null || ids.length === 0 || chosenOne !== null) return null;
  return { key: JSON.stringify([quantity, ids, shownPastMs.value]), ask: async () => ({ id: await findLive(quantity, ids) }) };
}, 5_000);

async function findLive(quantity: string, ids: readonly string[]): Promise<string | null> {
  const now = nowMs.peek();
  const past = shownPastMs.peek();
  const order = followed !== null && ids.includes(followed) ? [followed, ...ids.filter((id) => id !== followed)] : ids;
  const within = (ms: number) => async (object_id: string) =>
    (await api.points({ object_id, quantity, from: new Date(now - ms).toISOString(), limit: 1 })).items.length > 0;
  followed = await firstLive(order, within(past / 10));
  if (followed !== null) return followed;
  // Whatever moves now is perhaps too new to be in the list.
  series.refresh();
  followed = await firstLive(order, within(past));
  return followed;
}

/** Whether the node that is shown is a followed one, with values in the window. */
export const following = computed(() => chosen.chosenNode.value === null && (liveNode.data.value?.id ?? null) !== null);

/** The node whose forecasts are shown: the chosen one, else one that has values of the chosen quantity just now. */
export const node = computed<string | null>(() => {
  const wish = chosen.chosenNode.value;
  const quantity = chosen.quantity.value;
  if (wish !== null) {
    const members = map.value?.cells.find((cell) => cell.members.includes(wish))?.members ?? [wish];
    return (quantity !== null && partWith(members, quantity)) || wish;
  }
  const having = candidates.value;
  const live = liveNode.data.value?.id ?? followed;
  return live !== null && having.includes(live) ? live : (having[0] ?? nodesWithSeries.value[0] ?? null);
});

// ---------------------------------------------------------------- forecasts and outcomes
export interface Track {
  /** Forecasts `horizon` ahead, oldest first. */
  steps: OutcomeItem[];
  /** The newest issue, at every horizon beyond. */
  newest: OutcomeItem[];
  observed: Point[];
  unit: string | null;
}

export const track = resource<Track>(() => {
  const [object_id, quantity, horizon_s, model] = [node.value, chosen.quantity.value, chosen.horizon.value, chosen.model.value];
  if (object_id === null || quantity === null || horizon_s === null || model === null) return null;
  return { key: JSON.stringify([object_id, quantity, horizon_s, model]), ask: () => askTrack(object_id, quantity, horizon_s, model) };
}, 5_000);

async function askTrack(object_id: string, quantity: string, horizon_s: number, model: string): Promise<Track> {
  const now = nowMs.peek();
  const past = shownPastMs.peek();
  const from = new Date(now - past).toISOString();
  const key = { object_id, quantity, model, levels: LEVELS };
  const [ahead, newest, observed] = await Promise.all([
    api.outcomes({ ...key, horizon_s, from: new Date(now - past - horizon_s * 1000).toISOString(), limit: 500 }),
    api.outcomes({ ...key, from: new Date(now - 5 * MINUTE_MS).toISOString(), limit: 16 }),
    api.points({ object_id, quantity, from, limit: 5000 }),
  ]);
  const last = newest.items[0]?.issued_at;
  return {
    steps: [...ahead.items].reverse(),
    newest: newest.items.filter((item) => item.issued_at === last && item.horizon_s > horizon_s),
    observed: observed.items,
    unit: ahead.unit ?? observed.unit,
  };
}

// ---------------------------------------------------------------- fidelity
const HISTORY_MS = 90 * MINUTE_MS;
/** Forty blocks of the bootstrap: enough for an interval, also where neighbours are joined. */
export const ROLLING_MS = 20 * MINUTE_MS;

export interface FidelityHistory {
  /** Windows of a minute: how it goes just now, too short for an interval. */
  minutes: FidelityItem[];
  /** Each minute, over the `ROLLING_MS` that end with it; with an interval as soon as there are blocks enough. */
  rolling: FidelityItem[];
}

export const history = resource<FidelityHistory>(() => {
  const [quantity, horizon_s] = [chosen.quantity.value, chosen.horizon.value];
  if (quantity === null || horizon_s === null) return null;
  return { key: JSON.stringify([quantity, horizon_s]), ask: () => askHistory(quantity, horizon_s) };
}, 15_000);

async function askHistory(quantity: string, horizon_s: number): Promise<FidelityHistory> {
  const from = new Date(Math.floor((nowMs.peek() - HISTORY_MS) / MINUTE_MS) * MINUTE_MS).toISOString();
  const query = { quantity, horizon_s, step_s: 60, from };
  const [minutes, rolling] = await Promise.all([api.fidelityHistory(query), api.fidelityHistory({ ...query, window_s: ROLLING_MS / 1000 })]);
  return { minutes: minutes.items, rolling: rolling.items };
}

// ---------------------------------------------------------------- what colours the map
const MOST_READ = 240;

/** What is drawn and may have values: cells, and UEs. */
const drawnNodes = ({ cells, ues }: NetworkMap) => [...cells, ...ues.map(({ id }) => ({ id, members: [id] }))];

/** The latest value of the chosen quantity, or the chosen model's fidelity, by drawn cell or UE. */
export const colours = resource<ReadonlyMap<string, number>>(() => {
  const [quantity, horizon_s, model, by] = [chosen.quantity.value, chosen.horizon.value, chosen.model.value, chosen.colourBy.value];
  const cells = map.value ? drawnNodes(map.value) : [];
  if (quantity === null || cells.length === 0 || quantitiesOfNode.value.size === 0) return null;
  const key = JSON.stringify([quantity, by, by === "fidelity" ? [horizon_s, model] : 0, cells.length]);
  if (by === "value") return { key, ask: () => latestValues(quantity) };
  return horizon_s === null || model === null ? null : { key, ask: () => fidelities(quantity, horizon_s, model) };
}, 10_000);

async function latestValues(quantity: string): Promise<ReadonlyMap<string, number>> {
  const from = new Date(nowMs.peek() - 3 * MINUTE_MS).toISOString();
  const shown = map.peek();
  const wanted = shown ? drawnNodes(shown).slice(0, MOST_READ) : [];
  const found = await Promise.all(
    wanted.map(async (cell) => {
      const object_id = partWith(cell.members, quantity);
      const page = object_id === null ? null : await api.points({ object_id, quantity, from, limit: 1000 });
      return [cell.id, page?.items.at(-1)?.value] as const;
    }),
  );
  return new Map(found.filter((entry): entry is readonly [string, number] => entry[1] !== undefined));
}

async function fidelities(quantity: string, horizon_s: number, model: string): Promise<ReadonlyMap<string, number>> {
  const page = await api.fidelityByNode({ quantity, horizon_s, model });
  const byObject = new Map(page.items.map((item) => [item.object_id, item.fidelity.value]));
  const shown = map.peek();
  const values = (shown ? drawnNodes(shown) : []).flatMap((cell) => {
    const value = cell.members.map((id) => byObject.get(id)).find((v) => v !== undefined && v !== null);
    return value === undefined || value === null ? [] : [[cell.id, value] as const];
  });
  return new Map(values);
}
