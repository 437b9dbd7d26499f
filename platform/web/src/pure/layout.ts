/** Where to draw nodes that have no position: springs along relations, repulsion between all. */

import type { Point } from "./geometry.ts";

/**
 * Places in a plane for nodes without coordinates (Fruchterman and Reingold, 1991, without randomness).
 *
 * Nodes start on a sunflower spiral in the order of their ids, or where they were drawn before, so that the
 * picture stays still while a few nodes come and go.
 */
export function springLayout(
  ids: readonly string[],
  links: readonly (readonly [string, string])[],
  before: ReadonlyMap<string, Point> = new Map(),
  rounds = 120,
): Map<string, Point> {
  const order = [...ids].sort();
  const index = new Map(order.map((id, i) => [id, i]));
  const places = order.map((id, i) => ({ ...(before.get(id) ?? spiral(i)) }));
  const pairs = links
    .map(([a, b]) => [index.get(a), index.get(b)])
    .filter((pair): pair is [number, number] => pair[0] !== undefined && pair[1] !== undefined && pair[0] !== pair[1]);
  const settled = order.length > 0 && order.every((id) => before.has(id));
  const used = settled ? Math.min(rounds, 10) : rounds;
  for (let round = 0; round < used; round++) relax(places, pairs, (settled ? 4 : 30) * (1 - round / used));
  return new Map(order.map((id, i) => [id, places[i]!]));
}

const REST = 60;

function spiral(i: number): Point {
  const angle = i * 2.399963; // the golden angle, in radians
  const radius = REST * 0.6 * Math.sqrt(i + 0.5);
  return { x: radius * Math.cos(angle), y: radius * Math.sin(angle) };
}

function relax(places: Point[], pairs: readonly [number, number][], reach: number): void {
  const push = places.map(() => ({ x: 0, y: 0 }));
  for (let i = 0; i < places.length; i++) {
    for (let j = i + 1; j < places.length; j++) exert(places, push, i, j, (d) => (REST * REST) / d);
  }
  for (const [i, j] of pairs) exert(places, push, i, j, (d) => -(d * d) / REST);
  places.forEach((place, i) => {
    const force = push[i]!;
    // A weak pull to the middle keeps parts that are not connected on the page.
    force.x -= place.x * 0.05;
    force.y -= place.y * 0.05;
    const size = Math.hypot(force.x, force.y) || 1;
    place.x += (force.x / size) * Math.min(size, reach);
    place.y += (force.y / size) * Math.min(size, reach);
  });
}

function exert(places: Point[], push: Point[], i: number, j: number, force: (d: number) => number): void {
  const a = places[i]!;
  const b = places[j]!;
  const dx = a.x - b.x || 0.01 * (i - j);
  const dy = a.y - b.y || 0.01;
  const distance = Math.max(Math.hypot(dx, dy), 1);
  const strength = force(distance) / distance;
  push[i]!.x += dx * strength;
  push[i]!.y += dy * strength;
  push[j]!.x -= dx * strength;
  push[j]!.y -= dy * strength;
}
