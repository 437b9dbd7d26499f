/** Places on a plane: degrees to metres, sectors, the scale bar. */

export interface Point {
  x: number;
  y: number;
}

const EARTH_RADIUS_M = 6_371_008.8; // mean radius R1, IUGG

/** Degrees to metres east and north of `origin`: equirectangular, good to 0.1 % over tens of kilometres. */
export function localMetres(latitude: number, longitude: number, origin: { latitude: number; longitude: number }): Point {
  const perDegree = (Math.PI / 180) * EARTH_RADIUS_M;
  const shrink = Math.cos((origin.latitude * Math.PI) / 180);
  return { x: (longitude - origin.longitude) * perDegree * shrink, y: (latitude - origin.latitude) * perDegree };
}

/** A wedge from `centre` towards `azimuthDeg` (clockwise from north), `widthDeg` wide; a circle at 360. */
export function sector(centre: Point, azimuthDeg: number, widthDeg: number, radius: number): [number, number][] {
  const steps = Math.max(6, Math.round(widthDeg / 6));
  const ring: [number, number][] = widthDeg >= 360 ? [] : [[centre.x, centre.y]];
  for (let i = 0; i <= steps; i++) {
    const angle = ((azimuthDeg - widthDeg / 2 + (widthDeg * i) / steps) * Math.PI) / 180;
    ring.push([centre.x + radius * Math.sin(angle), centre.y + radius * Math.cos(angle)]);
  }
  return ring;
}

/** The smallest and the median distance to the nearest other place; NaN with fewer than two. */
export function spacing(places: readonly Point[]): { least: number; median: number } {
  const distinct = [...new Map(places.map((p) => [`${Math.round(p.x)},${Math.round(p.y)}`, p])).values()];
  if (distinct.length < 2) return { least: NaN, median: NaN };
  const nearest = distinct.map((p) => Math.min(...distinct.filter((q) => q !== p).map((q) => Math.hypot(p.x - q.x, p.y - q.y))));
  nearest.sort((a, b) => a - b);
  return { least: nearest[0]!, median: nearest[Math.floor(nearest.length / 2)]! };
}

/** A round length (1, 2 or 5 times a power of ten) of at most `maxPixels`, and how many pixels it takes. */
export function scaleBar(metresPerPixel: number, maxPixels: number): { metres: number; pixels: number } {
  const most = metresPerPixel * maxPixels;
  const power = 10 ** Math.floor(Math.log10(most));
  const metres = [5, 2, 1].map((step) => step * power).find((length) => length <= most) ?? power;
  return { metres, pixels: metres / metresPerPixel };
}
