import { describe, expect, it } from "vitest";
import { atoms, quantileAt } from "../src/pure/quantiles.ts";

const LEVELS = [0.1, 0.25, 0.5, 0.75, 0.9];

describe("atoms", () => {
  it("finds the mass on a value that neighbouring quantiles share, with what lies beyond the outermost level", () => {
    expect(atoms(LEVELS, [0, 0, 0, 5, 9])).toEqual([{ value: 0, mass: 0.5 }]);
    expect(atoms(LEVELS, [1, 2, 7, 7, 7])).toEqual([{ value: 7, mass: 0.5 }]);
  });

  it("finds several, and none in a distribution that rises everywhere", () => {
    expect(atoms(LEVELS, [2, 2, 3, 3, 8]).map((a) => a.value)).toEqual([2, 3]);
    expect(atoms(LEVELS, [1, 2, 3, 4, 5])).toEqual([]);
  });

  it("sees a certain value as all of the mass", () => expect(atoms(LEVELS, [4, 4, 4, 4, 4])).toEqual([{ value: 4, mass: 1 }]));

  it("leaves out what is smaller than asked for", () => expect(atoms(LEVELS, [1, 2, 3, 4, 4], 0.3)).toEqual([]));
});

describe("quantileAt", () => {
  it("is linear between levels and clamped beyond", () => {
    const values = [0, 3, 5, 7, 10];
    expect(quantileAt(LEVELS, values, 0.5)).toBe(5);
    expect(quantileAt(LEVELS, values, 0.375)).toBeCloseTo(4);
    expect(quantileAt(LEVELS, values, 0.01)).toBe(0);
    expect(quantileAt(LEVELS, values, 0.99)).toBe(10);
  });

  it("gives no number for an empty distribution", () => expect(quantileAt([], [], 0.5)).toBeNaN());
});
