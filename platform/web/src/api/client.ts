/** Calls of the HTTP API: every path that the page uses is here. */

import type * as wire from "./wire.ts";

export class ApiError extends Error {
  constructor(readonly problem: wire.Problem) {
    super(problem.remedy ? `${problem.detail} ${problem.remedy}` : problem.detail || problem.title);
  }
}

type Query = Record<string, string | number | boolean | null | undefined>;

// Relative, so that the page also works behind a proxy that puts it under a path.
const ROOT = new URL("./v1/", document.baseURI);

export function address(path: string, query: Query = {}): string {
  const url = new URL(path, ROOT);
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined) url.searchParams.set(name, String(value));
  }
  return url.href;
}

async function call<T>(path: string, query: Query = {}, init: RequestInit = {}): Promise<T> {
  const answer = await fetch(address(path, query), { headers: { accept: "application/json" }, ...init });
  if (answer.ok) return (await answer.json()) as T;
  const problem = await answer.json().catch(() => null);
  throw new ApiError(problem ?? { title: answer.statusText, status: answer.status, detail: `${answer.status} ${answer.statusText}` });
}

export async function topology(): Promise<{ nodes: wire.NodeItem[]; relations: wire.RelationItem[]; complete: boolean }> {
  const nodes: wire.NodeItem[] = [];
  const relations: wire.RelationItem[] = [];
  let cursor: string | null = null;
  // Bounded: what a page can draw and a reader can see.
  for (let pages = 0; pages < 20; pages++) {
    const page: wire.SnapshotPage = await call("topology", { limit: 1000, cursor });
    nodes.push(...page.nodes);
    relations.push(...page.relations);
    cursor = page.next;
    if (cursor === null) return { nodes, relations, complete: true };
  }
  return { nodes, relations, complete: false };
}

export const quantities = () => call<wire.Page<wire.QuantityItem>>("ontology/quantities", { limit: 1000 });

export const seriesList = () => call<wire.Page<wire.SeriesItem>>("series", { limit: 1000 });

export const fidelity = (query: { object_id?: string; per_object?: boolean; quantity?: string } = {}) =>
  call<wire.Page<wire.FidelityItem>>("fidelity", query);

export const fidelityHistory = (query: { quantity: string; horizon_s: number; from?: string; step_s?: number }) =>
  call<wire.Page<wire.FidelityItem>>("fidelity/history", query);

export const outcomes = (query: { object_id: string; quantity: string; horizon_s?: number; model?: string; limit?: number; from?: string }) =>
  call<wire.OutcomePage>("forecasts/outcomes", query);

export const points = (query: { object_id: string; quantity: string; from?: string; limit?: number }) =>
  call<wire.PointsPage>("series/points", query);

export const deadLetters = (limit: number) => call<wire.Page<wire.DeadLetterItem>>("deadletters", { limit });

export const deadLetter = (id: string) => call<wire.DeadLetterDetail>(`deadletters/${encodeURIComponent(id)}`);

export const replay = (id: string) => call<wire.IngestReceipt>(`deadletters/${encodeURIComponent(id)}/replay`, {}, { method: "POST" });

export const alarms = (limit: number) => call<wire.Page<wire.AlarmItem>>("alarms", { limit });
