/** Numbers as people read them: three significant digits, a unit, and a word for what is not there. */

const ABSENT = "–";
const MINUS = "−";

/** `value` with about `digits` significant digits, never in exponents between 1e-4 and 1e6. */
export function rounded(value: number | null | undefined, digits = 3): string {
  if (value == null || !Number.isFinite(value)) return ABSENT;
  if (value === 0) return "0";
  const magnitude = Math.floor(Math.log10(Math.abs(value)));
  if (magnitude >= 6 || magnitude < -4) return signed(value.toExponential(digits - 1));
  const decimals = Math.max(0, digits - 1 - magnitude);
  const text = value.toFixed(Math.min(decimals, 6));
  return signed(text.includes(".") ? text.replace(/\.?0+$/, "") : grouped(text));
}

/** A count: whole, grouped in threes, and shortened from a million on. */
export function count(value: number | null | undefined): string {
  if (value == null || !Number.isFinite(value)) return ABSENT;
  if (Math.abs(value) >= 1e9) return `${rounded(value / 1e9)} G`;
  if (Math.abs(value) >= 1e6) return `${rounded(value / 1e6)} M`;
  return signed(grouped(Math.round(value).toFixed(0)));
}

/** A rate per second: one decimal below ten, whole above. */
export function rate(value: number | null | undefined): string {
  if (value == null || !Number.isFinite(value)) return ABSENT;
  if (value === 0 || Math.abs(value) >= 10) return count(value);
  return value.toFixed(1);
}

/** Seconds as a duration with the unit that suits it. */
export function duration(seconds: number | null | undefined): string {
  if (seconds == null || !Number.isFinite(seconds)) return ABSENT;
  const size = Math.abs(seconds);
  if (size === 0) return "0 s";
  if (size < 0.9995) return `${rounded(seconds * 1000, size < 0.01 ? 2 : 3)} ms`;
  if (size < 120) return `${rounded(seconds, size < 10 ? 2 : 3)} s`;
  if (size < 7200) return `${rounded(seconds / 60, 2)} min`;
  if (size < 172_800) return `${rounded(seconds / 3600, 2)} h`;
  return `${rounded(seconds / 86_400, 2)} d`;
}

/** A share in [0, 1] as a percentage. */
export function percent(share: number | null | undefined, decimals = 0): string {
  if (share == null || !Number.isFinite(share)) return ABSENT;
  return `${signed((share * 100).toFixed(decimals))} %`;
}

/** A fidelity: two decimals with a real minus, so that columns line up. */
export function fidelity(value: number | null | undefined): string {
  if (value == null || !Number.isFinite(value)) return ABSENT;
  const text = value.toFixed(2);
  return signed(text === "-0.00" ? "0.00" : text);
}

/** A difference with its unit: what is below a thousandth of it is nought. */
export function difference(value: number | null | undefined, unit: string): string {
  return withUnit(value == null ? value : Math.abs(value) < 0.0005 ? 0 : Number(value.toFixed(3)), unit);
}

/** `value` with its unit; "1" and "" are the units of bare numbers. */
export function withUnit(value: number | null | undefined, unit: string): string {
  const text = rounded(value);
  return text === ABSENT || unit === "" || unit === "1" ? text : `${text} ${unit}`;
}

function grouped(digits: string): string {
  return digits.replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

function signed(text: string): string {
  return text.startsWith("-") ? MINUS + text.slice(1) : text;
}
