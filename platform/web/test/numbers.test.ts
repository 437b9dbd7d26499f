import { describe, expect, it } from "vitest";
import { count, difference, duration, fidelity, percent, rate, rounded, withUnit } from "../src/pure/numbers.ts";

describe("rounded", () => {
  it.each([
    [0, "0"],
    [12.3456, "12.3"],
    [0.012345, "0.0123"],
    [12345.6, "12\u202f346"],
    [-1.5, "−1.5"],
    [100, "100"],
    [2e7, "2.00e+7"],
  ])("writes %f as %s", (value, text) => expect(rounded(value)).toBe(text));

  it.each([null, undefined, NaN, Infinity])("shows %s as absent, never as a number", (value) => {
    for (const write of [rounded, count, rate, duration, percent, fidelity]) expect(write(value as number)).toBe("–");
  });
});

describe("duration", () => {
  it.each([
    [0, "0 s"],
    [0.0042, "4.2 ms"],
    [0.216, "216 ms"],
    [0.9999, "1 s"],
    [10, "10 s"],
    [300, "5 min"],
    [86_400, "24 h"],
    [259_200, "3 d"],
  ])("gives %f seconds the unit that suits it", (seconds, text) => expect(duration(seconds)).toBe(text));
});

it("groups counts, and shortens them from a million on", () => {
  expect([count(999), count(1234), count(1_500_000), count(-20)]).toEqual(["999", "1\u202f234", "1.5 M", "−20"]);
});

it("gives rates below ten one decimal", () => {
  expect([rate(0), rate(0.04), rate(9.96), rate(435.2)]).toEqual(["0", "0.0", "10.0", "435"]);
});

it("lines fidelities up with two decimals and never shows minus nought", () => {
  expect([fidelity(0.6), fidelity(-0.25), fidelity(-0.001)]).toEqual(["0.60", "−0.25", "0.00"]);
});

it("leaves out the unit of bare numbers and of what is absent", () => {
  expect([withUnit(3, "1"), withUnit(3, "kbit/s"), withUnit(null, "dBm"), percent(0.814)]).toEqual(["3", "3 kbit/s", "–", "81 %"]);
});

it("takes a difference below a thousandth of the unit for nought", () => {
  expect([difference(0.0000813, "1"), difference(-0.00271, "dB"), difference(null, "dB")]).toEqual(["0", "−0.003 dB", "–"]);
});
