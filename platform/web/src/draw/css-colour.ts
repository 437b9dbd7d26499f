/** The page's colours (as "#rrggbb") for drawings on a canvas, which do not know CSS variables. */

export function cssColour(name: string): string {
  const value = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  // A build may write #ffffff as #fff.
  return /^#[0-9a-f]{3}$/i.test(value) ? value.replace(/[0-9a-f]/gi, "$&$&") : value;
}

/** "#rrggbb" with an opacity in [0, 1]. */
export function faded(hex: string, opacity: number): string {
  return hex + Math.round(opacity * 255).toString(16).padStart(2, "0");
}

export function rgbOf(hex: string): [number, number, number] {
  const value = parseInt(hex.slice(1), 16);
  return [(value >> 16) & 255, (value >> 8) & 255, value & 255];
}
