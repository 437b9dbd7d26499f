/** Light or dark: what the system prefers, until the reader chooses. */

import { computed, effect, signal } from "@preact/signals";

export type Theme = "light" | "dark";
const KEY = "ranvier.theme";
const preference = window.matchMedia("(prefers-color-scheme: dark)");
const preferred = signal<Theme>(preference.matches ? "dark" : "light");
const chosen = signal<Theme | null>(stored());

export const theme = computed<Theme>(() => chosen.value ?? preferred.value);

export function toggleTheme(): void {
  const next: Theme = theme.value === "dark" ? "light" : "dark";
  chosen.value = next === preferred.value ? null : next;
}

export function watchTheme(): void {
  preference.addEventListener("change", (event) => (preferred.value = event.matches ? "dark" : "light"));
  effect(() => {
    if (chosen.value) document.documentElement.dataset["theme"] = chosen.value;
    else delete document.documentElement.dataset["theme"];
    try {
      if (chosen.value) localStorage.setItem(KEY, chosen.value);
      else localStorage.removeItem(KEY);
    } catch {
      // Storage may be forbidden: then the choice lasts as long as the page.
    }
  });
}

function stored(): Theme | null {
  try {
    const value = localStorage.getItem(KEY);
    return value === "light" || value === "dark" ? value : null;
  } catch {
    return null;
  }
}
