import { describe, expect, it } from "vitest";
import type { NodeItem, RelationItem } from "../src/api/wire.ts";
import { networkMap } from "../src/model/network-map.ts";

const node = (id: string, node_class: string, properties: Record<string, unknown> = {}): NodeItem => ({ id, node_class, properties, valid_from: "", valid_to: null });
const relation = (kind: string, source: string, target: string): RelationItem => ({ relation: kind, source, target, properties: {}, valid_from: "" });

const SITE = "SubNetwork=N,ManagedElement=gNB-1";
const DU = `${SITE},GNBDUFunction=1,NRCellDU=2`;
const CU = `${SITE},GNBCUCPFunction=1,NRCellCU=2`;
const CARRIER = `${SITE},GNBDUFunction=1,NRSectorCarrier=9`;
const FAR = "SubNetwork=N,ManagedElement=gNB-2";
const FAR_CU = `${FAR},GNBCUCPFunction=1,NRCellCU=1`;

const city = [
  node(SITE, "ManagedElement", { latitude: 31, longitude: -41 }),
  node(FAR, "ManagedElement", { latitude: 31.01, longitude: -41 }),
  node(DU, "NRCellDU", { cellLocalId: 2, nRSectorCarrierRef: JSON.stringify([CARRIER]) }),
  node(CU, "NRCellCU", { cellLocalId: 2 }),
  node(CARRIER, "NRSectorCarrier"),
  node(`${CARRIER},CommonBeamformingFunction=1`, "CommonBeamformingFunction", { digitalAzimuth: 135 }),
  node(`${FAR},GNBDUFunction=1,NRCellDU=1`, "NRCellDU"),
  node(FAR_CU, "NRCellCU"),
  node(`${CU},NRCellRelation=2-1`, "NRCellRelation", { adjacentNRCellRef: FAR_CU }),
];

describe("a network with positions", () => {
  const map = networkMap(city, []);

  it("draws the DU and CU parts of a cell as one, at its element, with the azimuth of the carrier it refers to", () => {
    expect(map.kind).toBe("geographic");
    expect(map.cells.map((c) => c.id)).toEqual([DU, `${FAR},GNBDUFunction=1,NRCellDU=1`]);
    expect(map.cells[0]).toMatchObject({ members: [DU, CU], azimuthDeg: 135, label: "gNB-1/2" });
    expect(map.cells[1]!.azimuthDeg).toBeNull();
    expect(map.cells[1]!.place.y - map.cells[0]!.place.y).toBeCloseTo(1112, 0);
  });

  it("takes neighbour relations from NRCellRelation nodes, and each pair once", () => {
    expect(map.links).toEqual([{ kind: "adjacent", source: DU, target: `${FAR},GNBDUFunction=1,NRCellDU=1` }]);
    const both = networkMap(city, [relation("adjacent", FAR_CU, CU)]);
    expect(both.links).toHaveLength(1);
  });

  it("shows a locked cell as such", () => {
    const locked = city.map((n) => (n.id === DU ? { ...n, properties: { ...n.properties, administrativeState: "LOCKED" } } : n));
    expect(networkMap(locked, []).cells[0]!.locked).toBe(true);
  });
});

describe("a drive test without positions", () => {
  const nodes = [node("NRCellDU=1", "NRCellDU"), node("EUtranCellFDD=2", "EUtranCellFDD"), node("UE=B", "UE")];
  const links = [relation("serves", "NRCellDU=1", "UE=B"), relation("adjacent", "NRCellDU=1", "EUtranCellFDD=2")];
  const map = networkMap(nodes, links);

  it("lays the cells and the UE out by their relations", () => {
    expect(map.kind).toBe("schematic");
    const place = new Map([...map.cells, ...map.ues].map((n) => [n.id, n.place]));
    expect(place.size).toBe(3);
    const distance = (a: string, b: string) => Math.hypot(place.get(a)!.x - place.get(b)!.x, place.get(a)!.y - place.get(b)!.y);
    expect(distance("NRCellDU=1", "UE=B")).toBeLessThan(distance("EUtranCellFDD=2", "UE=B"));
  });

  it("keeps what was drawn about where it was when nothing changed", () => {
    const before = new Map([...map.cells, ...map.ues].map((n) => [n.id, n.place]));
    const again = networkMap(nodes, links, before);
    for (const cell of again.cells) expect(Math.hypot(cell.place.x - before.get(cell.id)!.x, cell.place.y - before.get(cell.id)!.y)).toBeLessThan(25);
  });
});

it("draws nothing of nothing", () => expect(networkMap([], []).cells).toEqual([]));
