// @ts-check
// The state of every page stands in its address, so that links, the back button and bookmarks bring it back.

import { still } from "./files.js";

/** Those that go along to other pages. */
const COMMON = ["profile", "as_of"];

/** @type {Set<() => void>} */
const listeners = new Set();

/** @returns {URLSearchParams} */
export const params = () => new URLSearchParams(location.search);

/** Which page is shown. Without a server all of them are one document, and the address names the page. */
export const path = () => (still ? `/${params().get("page") ?? ""}` : location.pathname);

/** The address of a page. @param {string} to @param {URLSearchParams} now */
function place(to, now) {
  if (still) {
    now.delete("page");
    if (to !== "/") now.set("page", to.slice(1));
  }
  const text = now.toString();
  return (still ? location.pathname : to) + (text ? `?${text}` : "");
}

/** A value of the address; empty for none. @param {string} name */
export const get = (name) => params().get(name) ?? "";

/** Names with commas between; none stands in a bracket. @param {string} name */
export const list = (name) => split(get(name));

/** The parts of a list at those commas that stand in no bracket. @param {string} text */
export function split(text) {
  const found = [];
  let depth = 0;
  let part = "";
  for (const sign of text) {
    if (sign === "(" || sign === "[") depth += 1;
    if (sign === ")" || sign === "]") depth -= 1;
    if (sign === "," && depth === 0) {
      found.push(part.trim());
      part = "";
    } else part += sign;
  }
  found.push(part.trim());
  return found.filter(Boolean);
}

/**
 * Change values of this page.
 * @param {Record<string, string>} changes an empty one goes
 * @param {boolean} [quietly] without a step for the back button
 */
export function set(changes, quietly = false) {
  const now = params();
  for (const [name, value] of Object.entries(changes)) {
    if (value) now.set(name, value);
    else now.delete(name);
  }
  move(path(), now, quietly);
}

/** Go to another page. @param {string} path @param {Record<string, string>} [given] */
export function go(path, given = {}) {
  move(path, new URLSearchParams(search(given)), false);
}

/** The address of a page, with what goes along. @param {string} path @param {Record<string, string>} [given] */
export function link(path, given = {}) {
  return place(path, new URLSearchParams(search(given)));
}

/** @param {Record<string, string>} given */
function search(given) {
  const now = params();
  const found = new URLSearchParams();
  for (const name of COMMON) if (now.get(name)) found.set(name, now.get(name) ?? "");
  for (const [name, value] of Object.entries(given)) {
    if (value) found.set(name, value);
    else found.delete(name);
  }
  return found.toString();
}

/** What of a scan goes along to a symbol's page. @param {import("./api.js").Query} query */
export const forward = (query) => ({
  where: String(query.where ?? ""),
  rank_by: String(query.rank_by ?? ""),
  screens: /** @type {string[]} */ (query.screens ?? []).join(","),
});

/** @param {string} path @param {URLSearchParams} now @param {boolean} quietly */
function move(path, now, quietly) {
  const to = place(path, now);
  if (to === location.pathname + location.search) return;
  if (quietly) history.replaceState(null, "", to);
  else history.pushState(null, "", to);
  tell();
}

function tell() {
  for (const one of listeners) one();
}

/** Be told of each change. @param {() => void} what */
export function follow(what) {
  listeners.add(what);
}

addEventListener("popstate", tell);
// A link of this page is a step in it; with a key held down it is the browser's.
addEventListener("click", (event) => {
  const target = /** @type {Element|null} */ (event.target);
  const found = /** @type {HTMLAnchorElement|null} */ (target?.closest?.("a[href]"));
  const plain = !event.defaultPrevented && event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey;
  if (!found || !plain || found.target || found.hasAttribute("download")) return;
  const to = new URL(found.href);
  if (to.origin !== location.origin || to.pathname.startsWith("/api/") || to.pathname.startsWith("/static/")) return;
  if (still && to.pathname !== location.pathname) return; // a file
  if (to.hash && to.pathname + to.search === location.pathname + location.search) return; // a place on this page
  event.preventDefault();
  move(still ? `/${to.searchParams.get("page") ?? ""}` : to.pathname, to.searchParams, false);
});
