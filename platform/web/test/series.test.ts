import { describe, expect, it } from "vitest";
import type { OutcomeItem } from "../src/api/wire.ts";
import { fan } from "../src/model/fan.ts";
import { backoffMs } from "../src/pure/backoff.ts";
import { bandColumns, withGaps } from "../src/pure/bands.ts";
import { ancestors, rdns, shortName } from "../src/pure/distinguished-name.ts";
import { modelColours, skillColour, valueColour } from "../src/pure/series-colour.ts";
import { ago, clock } from "../src/pure/time.ts";

const at = (s: number) => new Date(s * 1000).toISOString();
const step = (s: number, values: number[], outcome: number | null): OutcomeItem => ({
  issued_at: at(s - 10), valid_at: at(s), horizon_s: 10, model: "m", model_version: "1", outcome, outcome_end: null,
  quantiles: values.map((value, i) => ({ level: [0.1, 0.25, 0.5, 0.75, 0.9][i]!, value })),
});

describe("fan", () => {
  it("puts bands, medians and observed points on one time axis", () => {
    const made = fan([step(10, [1, 2, 3, 4, 5], 3), step(20, [2, 3, 4, 5, 6], 9)], [], [{ start: at(5), end: at(15), value: 7, suspect: false }]);
    expect(made.columns[0]).toEqual([10, 15, 20]);
    expect(made.columns[1]).toEqual([1, undefined, 2]);
    expect(made.columns[2]).toEqual([3, undefined, 4]);
    expect(made.columns[3]).toEqual([5, undefined, 6]);
    expect(made.columns[7]).toEqual([undefined, 7, undefined]);
    expect(made.inside).toEqual({ share: 0.5, of: 2 });
  });

  it("does not join what a silence parts", () => {
    const steps = [10, 20, 30, 200, 210].map((s) => step(s, [1, 2, 3, 4, 5], null));
    expect(fan(steps, [], []).columns[2]).toContain(null);
  });

  it("shows nothing where the model gave no forecast", () => {
    const made = fan([step(10, [], 3)], [], []);
    expect(made.columns[0]).toEqual([]);
    expect(made.inside).toBeNull();
  });
});

it("tells a missing time (undefined) from a missing value (null)", () => {
  const [times, , first, , , second] = bandColumns([[{ atMs: 1000, value: 1, low: 0, high: 2 }], [{ atMs: 2000, value: null, low: null, high: null }]]);
  expect([times, first, second]).toEqual([[1, 2], [1, undefined], [undefined, null]]);
  expect(withGaps([], 10)).toEqual([]);
});

it("waits longer with each try, between half of it and all of it, and never more than 15 s", () => {
  const longest = [0, 1, 2, 9, 99].map((attempt) => backoffMs(attempt, () => 1));
  expect(longest).toEqual([500, 1000, 2000, 15_000, 15_000]);
  expect(backoffMs(0, () => 0)).toBe(250);
});

it("reads distinguished names with escaped commas", () => {
  expect(rdns("SubNetwork=a\\,b,NRCellDU=3")).toEqual([{ type: "SubNetwork", value: "a,b" }, { type: "NRCellDU", value: "3" }]);
  expect(ancestors("A=1,B=2,C=3")).toEqual(["A=1,B=2", "A=1"]);
  expect([shortName("ManagedElement=gNB-1,GNBDUFunction=1,NRCellDU=3"), shortName("UE=x"), shortName("ManagedElement=gNB-1")]).toEqual(["gNB-1/3", "x", "gNB-1"]);
});

it("gives each model one colour whatever the order, and climatology grey", () => {
  const one = modelColours(["theirs", "statistical", "climatology"], false);
  expect(modelColours(["climatology", "statistical", "theirs"], false)).toEqual(one);
  expect(new Set(one.values()).size).toBe(3);
});

it("keeps colours within their scale", () => {
  expect(valueColour(99, 0, 1, false)).toEqual(valueColour(1, 0, 1, false));
  expect(valueColour(3, 3, 3, true)).toEqual(valueColour(0.5, 0, 1, true));
  expect(skillColour(-7)).toEqual(skillColour(-1));
});

it("writes times in UTC, with the day where it is another one", () => {
  const noon = Date.UTC(2026, 0, 31, 12);
  expect([clock(noon, noon), clock(noon, noon + 86_400_000), clock(null)]).toEqual(["12:00:00", "2026-01-31 12:00:00", "–"]);
  expect([ago(noon, noon), ago(noon, noon + 42_000), ago(noon, noon + 600_000)]).toEqual(["now", "42 s ago", "10 min ago"]);
});
