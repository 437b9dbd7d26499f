/** What the reader has chosen to look at. It lives in the address, so that a link shows the same. */

import { computed, effect, signal } from "@preact/signals";
import { fidelityNow } from "./live-state.ts";

const given = new URLSearchParams(location.hash.slice(1));

const chosenQuantity = signal(given.get("kpi"));
const chosenHorizon = signal(given.has("horizon") ? Number(given.get("horizon")) : null);
const chosenModel = signal(given.get("model"));
export const chosenNode = signal(given.get("node"));
export const colourBy = signal<"value" | "fidelity">(given.get("colour") === "fidelity" ? "fidelity" : "value");

const distinct = <T>(values: readonly T[]): T[] => [...new Set(values)];

export const quantitiesScored = computed(() => distinct(fidelityNow.value.map((row) => row.quantity)).sort(byInterest));
export const horizonsScored = computed(() => distinct(fidelityNow.value.map((row) => row.horizon_s)).sort((a, b) => a - b));
export const modelsScored = computed(() => distinct(fidelityNow.value.map((row) => row.model)).sort());

/** What was chosen where it exists, else the first that has something to show. */
export const quantity = computed(() => pick(chosenQuantity.value, quantitiesScored.value, favourite()));
export const horizon = computed(() => pick(chosenHorizon.value, horizonsScored.value, horizonsScored.value[0]));
export const model = computed(() => {
  const others = modelsScored.value.filter((name) => name !== "climatology");
  return pick(chosenModel.value, modelsScored.value, others.find((name) => name === "statistical") ?? others[0]);
});

export const chooseQuantity = (name: string) => void (chosenQuantity.value = name);
export const chooseHorizon = (seconds: number) => void (chosenHorizon.value = seconds);
export const chooseModel = (name: string) => void (chosenModel.value = name);

function pick<T>(wish: T | null, known: readonly T[], otherwise: T | undefined): T | null {
  if (wish !== null && (known.includes(wish) || known.length === 0)) return wish;
  return otherwise ?? known[0] ?? null;
}

/** What operators look at first, of a cell and of a drive test. */
const FIRST = ["RRU.PrbTotDl", "DRB.UEThpDl", "MDT.M1.RSRP"];

/** Orders names of quantities: those that operators look at first, then by name. */
export function byInterest(a: string, b: string): number {
  const rank = (name: string) => (FIRST.includes(name) ? FIRST.indexOf(name) : FIRST.length);
  return rank(a) - rank(b) || a.localeCompare(b);
}

/** The first of these that has a fidelity, else any that has: something to see at once. */
function favourite(): string | undefined {
  const defined = new Set(fidelityNow.value.filter((row) => row.fidelity.value !== null && row.model !== "climatology").map((row) => row.quantity));
  return [...defined].sort(byInterest)[0];
}

export function keepInAddress(): void {
  effect(() => {
    const hash = new URLSearchParams();
    if (chosenQuantity.value !== null) hash.set("kpi", chosenQuantity.value);
    if (chosenHorizon.value !== null) hash.set("horizon", String(chosenHorizon.value));
    if (chosenModel.value !== null) hash.set("model", chosenModel.value);
    if (chosenNode.value !== null) hash.set("node", chosenNode.value);
    if (colourBy.value !== "value") hash.set("colour", colourBy.value);
    const text = hash.toString();
    if (text !== location.hash.slice(1)) history.replaceState(null, "", text ? `#${text}` : location.pathname + location.search);
  });
}
