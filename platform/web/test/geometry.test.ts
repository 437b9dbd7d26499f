import { expect, it } from "vitest";
import { localMetres, scaleBar, sector, spacing } from "../src/pure/geometry.ts";

it("puts a degree of latitude 111.2 km north, and of longitude as far as the latitude lets it", () => {
  const origin = { latitude: 60, longitude: 10 };
  expect(localMetres(61, 10, origin).y).toBeCloseTo(111_195, -1);
  expect(localMetres(60, 11, origin).x).toBeCloseTo(111_195 / 2, -1);
  expect(localMetres(60, 10, origin)).toEqual({ x: 0, y: 0 });
});

it("points a sector clockwise from north", () => {
  const east = sector({ x: 0, y: 0 }, 90, 60, 100);
  const tip = east[Math.floor(east.length / 2)]!;
  expect(tip[0]).toBeGreaterThan(98);
  expect(Math.abs(tip[1])).toBeLessThan(15);
  expect(east.every(([x, y]) => Math.hypot(x, y) <= 100 + 1e-9)).toBe(true);
});

it("draws a cell without azimuth as a circle around its place", () => {
  const ring = sector({ x: 5, y: 5 }, 0, 360, 10);
  expect(ring.every(([x, y]) => Math.abs(Math.hypot(x - 5, y - 5) - 10) < 1e-9)).toBe(true);
});

it("measures how far sites stand apart, each place once", () => {
  const places = [0, 0, 100, 300].map((x) => ({ x, y: 0 }));
  expect(spacing(places)).toEqual({ least: 100, median: 100 });
  expect(spacing([{ x: 1, y: 1 }]).median).toBeNaN();
});

it.each([0.013, 0.9, 7.7, 133])("rounds the scale bar to 1, 2 or 5 and keeps it within its room at %f m a pixel", (metresPerPixel) => {
  const { metres, pixels } = scaleBar(metresPerPixel, 120);
  expect(pixels).toBeLessThanOrEqual(120);
  expect(pixels).toBeGreaterThan(40);
  expect([1, 2, 5]).toContain(Number(metres.toExponential(0)[0]));
});
