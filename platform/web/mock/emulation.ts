/** Plausible answers for developing the page without a platform. Nothing here ships or is measured. */

import type * as wire from "../src/api/wire.ts";

export const STEP_S = 10;
const HORIZONS = [10, 30, 60, 300];
export const KPIS: wire.QuantityItem[] = [
  { name: "DRB.UEThpDl", label: "Mean downlink throughput of a UE", unit: "kbit/s", object_classes: ["NRCellDU"], tolerance: 2000 },
  { name: "RRU.PrbTotDl", label: "Downlink PRB usage", unit: "%", object_classes: ["NRCellDU"], tolerance: 5 },
  { name: "DRB.MeanActiveUeDl", label: "Mean number of active UEs, downlink", unit: "1", object_classes: ["NRCellDU"], tolerance: 1 },
];
const MODELS = ["climatology", "persistence", "statistical"];
const LEVELS = [0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95];
const NORMAL = [-1.645, -1.282, -0.674, 0, 0.674, 1.282, 1.645];

export const iso = (ms: number) => new Date(ms).toISOString();

function noise(...parts: (string | number)[]): number {
  let hash = 2166136261;
  for (const char of parts.join("|")) hash = Math.imul(hash ^ char.charCodeAt(0), 16777619);
  hash = Math.imul(hash ^ (hash >>> 15), 2246822507);
  return ((hash ^ (hash >>> 13)) >>> 0) / 2 ** 32;
}

const gauss = (...parts: (string | number)[]) =>
  Math.sqrt(-2 * Math.log(noise(...parts, "a") + 1e-9)) * Math.cos(2 * Math.PI * noise(...parts, "b"));

export interface Cell {
  id: string;
  site: number;
  sector: number;
}

export const cells: Cell[] = Array.from({ length: 21 }, (_, i) => {
  const site = Math.floor(i / 3) + 1;
  const sector = (i % 3) + 1;
  return { id: `SubNetwork=Mock,ManagedElement=gNB-${site},GNBDUFunction=1,NRCellDU=${sector}`, site, sector };
});

export function topology(nowMs: number): wire.SnapshotPage {
  const from = iso(nowMs - 3_600_000);
  const nodes: wire.NodeItem[] = [];
  const relations: wire.RelationItem[] = [];
  const add = (id: string, node_class: string, properties: Record<string, unknown>) =>
    nodes.push({ id, node_class, properties, valid_from: from, valid_to: null });
  for (let site = 1; site <= 7; site++) {
    const radius = 0.0058 * Math.sqrt(site - 1);
    const angle = site * 2.4;
    const element = `SubNetwork=Mock,ManagedElement=gNB-${site}`;
    add(element, "ManagedElement", { userLabel: `Mock site ${site}`, latitude: 31 + radius * Math.cos(angle), longitude: -41 + (radius * Math.sin(angle)) / 0.857 });
    for (let sector = 1; sector <= 3; sector++) {
      const carrier = `${element},GNBDUFunction=1,NRSectorCarrier=${sector}`;
      add(`${element},GNBDUFunction=1,NRCellDU=${sector}`, "NRCellDU", { cellLocalId: sector, nRPCI: site * 3 + sector, administrativeState: "UNLOCKED", arfcnDL: 632628, bSChannelBwDL: 20 });
      add(carrier, "NRSectorCarrier", { configuredMaxTxPower: 44.5 });
      add(`${carrier},CommonBeamformingFunction=1`, "CommonBeamformingFunction", { digitalAzimuth: (site * 17 + 120 * sector) % 360, digitalTilt: 6 });
      relations.push({ relation: "contains", source: element, target: `${element},GNBDUFunction=1,NRCellDU=${sector}`, properties: {}, valid_from: from });
    }
  }
  for (const a of cells) {
    for (const b of cells) {
      if (a !== b && (a.site === b.site || noise("adjacent", a.id, b.id) > 0.86)) relations.push({ relation: "adjacent", source: a.id, target: b.id, properties: {}, valid_from: from });
    }
  }
  return { as_of: iso(nowMs), nodes, relations, next: null };
}

/** A drive test: two UEs without positions, and the cells that served them. */
export function driveTest(nowMs: number): wire.SnapshotPage {
  const from = iso(nowMs);
  const node = (id: string, node_class: string) => ({ id, node_class, properties: {}, valid_from: from, valid_to: null });
  const served = Array.from({ length: 14 }, (_, i) => node(`EUtranCellFDD=${1000 + i}`, i % 3 ? "NRCellDU" : "EUtranCellFDD"));
  const relations = served.slice(1).map((cell, i) => ({ relation: "adjacent", source: served[i]!.id, target: cell.id, properties: {}, valid_from: from }));
  relations.push({ relation: "serves", source: served[3]!.id, target: "UE=B_2019", properties: {}, valid_from: from });
  return { as_of: from, nodes: [...served, node("UE=B_2019", "UE")], relations, next: null };
}

export function valueAt(object: string, kpi: string, endMs: number): number {
  const day = Math.sin((endMs / 1_800_000) * 2 * Math.PI + noise(object) * 2);
  const load = 0.45 + 0.3 * day + 0.15 * gauss(object, kpi, Math.floor(endMs / 60_000)) + 0.06 * gauss(object, kpi, endMs);
  if (kpi === "RRU.PrbTotDl") return Math.round(Math.min(100, Math.max(0, load * 100)) * 10) / 10;
  if (kpi === "DRB.MeanActiveUeDl") return Math.max(0, Math.round(load * 8 - 2.2));
  return Math.max(0, Math.round(9000 + 14_000 * (1 - load) + 1500 * gauss(object, endMs)));
}

export function outcomePage(object: string, kpi: string, horizonS: number | null, model: string | null, fromMs: number, nowMs: number, limit: number): wire.OutcomePage {
  const items: wire.OutcomeItem[] = [];
  const last = Math.floor(nowMs / (STEP_S * 1000)) * STEP_S * 1000;
  for (let issued = last; items.length < limit && issued > fromMs; issued -= STEP_S * 1000) {
    for (const horizon of horizonS === null ? HORIZONS : [horizonS]) {
      for (const name of model === null ? MODELS : [model]) items.push(outcome(object, kpi, horizon, name, issued, nowMs));
    }
  }
  return { object_id: object, quantity: kpi, unit: KPIS.find((k) => k.name === kpi)?.unit ?? null, items: items.slice(0, limit), next: null };
}

function outcome(object: string, kpi: string, horizon: number, model: string, issued: number, nowMs: number): wire.OutcomeItem {
  const valid = issued + horizon * 1000;
  const truth = valueAt(object, kpi, valid);
  const scale = (kpi === "RRU.PrbTotDl" ? 14 : kpi === "DRB.MeanActiveUeDl" ? 1.4 : 3200) * (0.6 + 0.25 * Math.log10(horizon)) * (model === "climatology" ? 1.5 : 1);
  const centre = truth + scale * 0.5 * gauss(object, kpi, valid, model);
  const whole = kpi === "DRB.MeanActiveUeDl" ? Math.round : (v: number) => v;
  return {
    issued_at: iso(issued), valid_at: iso(valid), horizon_s: horizon, model, model_version: "1",
    quantiles: LEVELS.map((level, i) => ({ level, value: Math.max(0, whole(centre + NORMAL[i]! * scale)) })),
    outcome: valid <= nowMs ? truth : null,
    outcome_end: valid <= nowMs ? iso(valid) : null,
  };
}

export function fidelityList(nowMs: number, objects: (string | null)[], quantity: string | null, horizon: number | null, windowMs = 1_800_000): wire.FidelityItem[] {
  const items: wire.FidelityItem[] = [];
  for (const kpi of KPIS) {
    for (const h of HORIZONS) {
      for (const model of MODELS) {
        if ((quantity !== null && kpi.name !== quantity) || (horizon !== null && h !== horizon)) continue;
        for (const object of objects) items.push(fidelityItem(kpi, h, model, object, nowMs, windowMs));
      }
    }
  }
  return items;
}

function fidelityItem(kpi: wire.QuantityItem, h: number, model: string, object: string | null, nowMs: number, windowMs: number): wire.FidelityItem {
  const fade = Math.exp(-h / 140);
  const level = model === "climatology" ? 0 : model === "persistence" ? 0.75 * fade - 0.25 : 0.72 * fade + 0.06;
  const value = level + (model === "climatology" ? 0 : 0.04 * gauss(kpi.name, h, model, object ?? "", Math.floor(nowMs / 60_000)));
  const half = model === "climatology" ? 0 : 0.05 + 0.0001 * h;
  const undef = kpi.name === "DRB.MeanActiveUeDl" && h === 300;
  const part = (v: number, d: number): wire.Estimate => ({ value: v, low: v - d, high: v + d, undefined: null });
  return {
    quantity: kpi.name, unit: kpi.unit, horizon_s: h, model, object_id: object, window_from: iso(nowMs - windowMs), window_to: iso(nowMs),
    n: undef ? 12 : 21 * 180,
    fidelity: undef ? { value: null, low: null, high: null, undefined: "the reference's score cannot be told from 0 (12 pairs)" } : part(value, half),
    coverage80: part(Math.min(0.99, 0.8 + 0.06 * gauss(kpi.name, h, model)), 0.02),
    bias: part(gauss(kpi.name, h) * 0.2, 0.1),
    precision: part(0.7, 0.03),
    crps: 2.1, reference: "climatology", floor: "",
  };
}

let letters = 0;

export function deadLetter(nowMs: number): wire.DeadLetterDetail {
  letters += 1;
  return {
    id: `0-${letters}`, recorded_at: iso(nowMs), reason: "expected RRU.PrbTotDl in %; got a unit of 1 (PRB counts); send the percentage or map it to RRU.PrbUsedDl",
    source: `A20261122.${letters}_gNB-3.xml.gz`, position: "measInfo PRB, measValue 3", adapter: "pm", size_bytes: 412,
    context: "", encoding: "utf-8", raw: '<measValue measObjLdn="NRCellDU=3"><r p="1">corrupt</r></measValue>', truncated: false,
  };
}

export function alarm(nowMs: number, raised: boolean): wire.AlarmItem {
  const cell = cells[Math.floor(noise("alarm", Math.floor(nowMs / 60_000)) * cells.length)]!;
  return {
    alarm_id: `A-${Math.floor(nowMs / 60_000)}`, object_id: cell.id, at: iso(nowMs), severity: raised ? "MAJOR" : "CLEARED", type: "EQUIPMENT_ALARM",
    probable_cause: "Transmitter failure", specific_problem: "Output power below limit", text: raised ? "Cell transmits at reduced power" : "",
  };
}

export function figures(nowMs: number, startedMs: number, refused: number): wire.Figures {
  const up = (nowMs - startedMs) / 1000;
  return {
    uptime_s: up, feed: "Emulated-Meridia", feed_emulated: true,
    twin_lag_p50_s: 0.18 + 0.05 * noise("l", Math.floor(nowMs / 1000)), twin_lag_p99_s: 0.6 + 0.35 * noise("m", Math.floor(nowMs / 1000)),
    events_per_s: 22 + 6 * noise("e", Math.floor(nowMs / 1000)), points_per_s: 380 + 60 * noise("p", Math.floor(nowMs / 1000)),
    events_accepted: 90_000 + Math.round(up * 24), events_refused: refused, points_accepted: 1_500_000 + Math.round(up * 400),
    forecasts_issued: Math.floor(up / 10) * 756 + 12_000, forecasts_scored: Math.floor(up / 10) * 756 + 11_200,
    watermark: iso(nowMs - 1000), as_of: iso(Math.floor(nowMs / 10_000) * 10_000), sink_lag: { graph: 0, series: 3 },
  };
}
