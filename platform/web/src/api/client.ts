/** Calls of the HTTP API: every path that the page uses is here. */

import type * as wire from "./wire.ts";

export class ApiError extends Error {
  constructor(readonly problem: wire.Problem) {
    super(problem.remedy ? `${problem.detail} ${problem.remedy}` : problem.detail || problem.title);
  }
}

type Value = string | number | boolean | null | undefined;
type Query = Record<string, Value | readonly Value[]>;

// Relative, so that the page also works behind a proxy that puts it under a path.
const ROOT = new URL("./v1/", document.baseURI);

export function address(path: string, query: Query = {}): string {
  const url = new URL(path, ROOT);
  for (const [name, given] of Object.entries(query)) {
    for (const value of Array.isArray(given) ? given : [given]) {
      if (value !== null && value !== undefined) url.searchParams.append(name, String(value));
    }
  }
  return url.href;
}

async function call<T>(path: string, query: Query = {}, init: RequestInit = {}): Promise<T> {
  const answer = await fetch(address(path, query), { headers: { accept: "application/json" }, ...init });
  if (answer.ok) return (await answer.json()) as T;
  const problem = (await answer.json().catch(() => null)) as wire.Problem | null;
  throw new ApiError(problem ?? { title: answer.statusText, status: answer.status, detail: `${answer.status} ${answer.statusText}` });
}

/** All pages of a list, up to a bound: what a page can draw and a reader can see. */
async function pages<T extends { next: string | null }>(path: string, query: Query, most: number): Promise<T[]> {
  const found: T[] = [];
  let cursor: string | null = null;
  do {
    const page: T = await call<T>(path, { ...query, cursor });
    found.push(page);
    cursor = page.next;
  } while (cursor !== null && found.length < most);
  return found;
}

export interface Graph {
  asOf: string;
  nodes: wire.NodeItem[];
  relations: wire.RelationItem[];
  /** There is more than was asked for. */
  cut: boolean;
}

export async function topology(): Promise<Graph> {
  const found = await pages<wire.SnapshotPage>("topology/snapshot", { limit: 5000 }, 4);
  return {
    asOf: found[0]!.as_of,
    nodes: found.flatMap((page) => page.nodes),
    relations: found.flatMap((page) => page.relations),
    cut: found.at(-1)!.next !== null,
  };
}

export async function seriesList(): Promise<wire.SeriesItem[]> {
  const found = await pages<wire.Page<wire.SeriesItem>>("series", { limit: 1000 }, 10);
  return found.flatMap((page) => page.items);
}

export const ontology = () => call<{ quantities: wire.QuantityItem[] }>("ontology");

export const fidelityByNode = (query: { quantity: string; horizon_s: number; model: string }) =>
  call<wire.Page<wire.FidelityItem>>("fidelity", { ...query, per_object: true, limit: 1000 });

export const fidelityHistory = (query: { quantity: string; horizon_s: number; from: string; step_s: number; window_s?: number }) =>
  call<wire.Page<wire.FidelityItem>>("fidelity/history", { ...query, limit: 5000 });

export const outcomes = (query: {
  object_id: string;
  quantity: string;
  horizon_s?: number;
  model: string;
  levels: readonly number[];
  from: string;
  limit: number;
}) => call<wire.OutcomePage>("forecasts/outcomes", query);

export const points = (query: { object_id: string; quantity: string; from: string; limit: number }) =>
  call<wire.PointsPage>("series/points", query);

export const deadLetter = (id: string) => call<wire.DeadLetterDetail>(`deadletters/${encodeURIComponent(id)}`);

export const replay = (id: string) =>
  call<wire.IngestReceipt>(`deadletters/${encodeURIComponent(id)}/replay`, {}, { method: "POST" });
