// @ts-check
// Light or dark: as the system says, until somebody switches.

const KEY = "tapescan-theme";

/** What was chosen; empty for the system's. */
export const chosen = () => localStorage.getItem(KEY) ?? "";

export const isDark = () =>
  (chosen() || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";

function apply() {
  document.documentElement.dataset.theme = isDark() ? "dark" : "light";
  dispatchEvent(new Event("tapescan:theme"));
}

export function change() {
  localStorage.setItem(KEY, isDark() ? "light" : "dark");
  apply();
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", apply);
apply();
