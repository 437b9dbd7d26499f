/** Colours of models and of values, safe for colour-blind readers, for light and for dark ground. */

export type Rgb = readonly [number, number, number];

// Okabe and Ito (2008), darkened for white ground where their contrast falls below 3:1.
const LIGHT = ["#0a66a8", "#b8400c", "#007a5a", "#a5487e", "#7a6a00", "#3c3c8c"];
const DARK = ["#5bbcf5", "#ff9a6b", "#35c79b", "#e094c0", "#e6d24a", "#a3a3f5"];
const GREY = { light: "#6b7984", dark: "#8798a6" };

/** Which names a reader meets first get the clearest colours; climatology, the yardstick, is grey. */
const RANK = ["statistical", "persistence"];

/** One colour for each model, the same in every chart, whatever the order they came in. */
export function modelColours(models: readonly string[], dark: boolean): Map<string, string> {
  const palette = dark ? DARK : LIGHT;
  const ranked = [...new Set(models)].sort((a, b) => order(a) - order(b) || a.localeCompare(b));
  const colours = new Map<string, string>();
  let next = 0;
  for (const model of ranked) {
    if (model === "climatology") colours.set(model, dark ? GREY.dark : GREY.light);
    else colours.set(model, palette[next++ % palette.length]!);
  }
  return colours;
}

function order(model: string): number {
  const rank = RANK.indexOf(model);
  return rank < 0 ? RANK.length : rank;
}

// Cividis (Nunez, Anderton and Renslow, 2018) at five points: even steps of lightness for everyone.
const CIVIDIS: readonly Rgb[] = [[0, 34, 78], [65, 77, 107], [124, 123, 120], [188, 175, 111], [254, 232, 56]];
// The same from a lighter blue on, since navy vanishes on dark ground.
const CIVIDIS_DARK: readonly Rgb[] = [[46, 86, 152], [92, 112, 142], [136, 135, 128], [192, 179, 110], [254, 232, 56]];
// Orange below no skill, blue above, pale between.
const SKILL: readonly Rgb[] = [[190, 76, 14], [236, 172, 116], [214, 218, 222], [108, 174, 222], [8, 88, 158]];

/** A value in [low, high] on the sequential scale. */
export function valueColour(value: number, low: number, high: number, dark: boolean): Rgb {
  return along(dark ? CIVIDIS_DARK : CIVIDIS, high > low ? (value - low) / (high - low) : 0.5);
}

/** A fidelity on the diverging scale: 0 (no better than climatology) is pale, 1 and −1 are the ends. */
export function skillColour(fidelity: number): Rgb {
  return along(SKILL, (fidelity + 1) / 2);
}

/** The stops of both scales as CSS, for their legends. */
export function gradient(scale: "value" | "skill", dark: boolean): string {
  const stops = scale === "skill" ? SKILL : dark ? CIVIDIS_DARK : CIVIDIS;
  return `linear-gradient(90deg, ${stops.map((rgb) => `rgb(${rgb.join(" ")})`).join(", ")})`;
}

function along(stops: readonly Rgb[], share: number): Rgb {
  const place = Math.min(1, Math.max(0, share)) * (stops.length - 1);
  const left = Math.min(Math.floor(place), stops.length - 2);
  const part = place - left;
  const a = stops[left]!;
  const b = stops[left + 1]!;
  return [0, 1, 2].map((i) => Math.round(a[i]! + (b[i]! - a[i]!) * part)) as unknown as Rgb;
}
