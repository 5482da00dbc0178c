// @ts-check
// The page begins here: which page an address means, the keys, and what every page is told.

import { getJson, listen, loadColumns, once } from "./api.js";
import * as address from "./address.js";
import { fill, h } from "./dom.js";
import { Header } from "./header.js";
import { helpDialog } from "./help.js";
import { change } from "./theme.js";

/** @typedef {{update: () => any, key?: (event: KeyboardEvent) => boolean, dispose: () => void}} Page */
/** @typedef {{overview: any, trouble: (text: string) => void, minute: any}} Context */

/** Each page's file is loaded when it is opened. @type {Record<string, () => Promise<any>>} */
const FILES = {
  "/": () => import("./scan.js").then((one) => one.Scan),
  "/symbol": () => import("./symbol.js").then((one) => one.SymbolPage),
  "/map": () => import("./map.js").then((one) => one.MapPage),
  "/breadth": () => import("./breadth.js").then((one) => one.Breadth),
  "/replay": () => import("./replay.js").then((one) => one.Replay),
  "/alerts": () => import("./alerts.js").then((one) => one.Alerts),
  "/models": () => import("./models.js").then((one) => one.Models),
  "/data": () => import("./data.js").then((one) => one.Data),
  "/live": () => import("./live.js").then((one) => one.Live),
};
const GOES = /** @type {Record<string, string>} */ ({
  s: "/",
  m: "/map",
  b: "/breadth",
  r: "/replay",
  l: "/live",
  a: "/alerts",
  o: "/models",
  d: "/data",
});

const root = /** @type {HTMLElement} */ (document.getElementById("page"));
const help = helpDialog();
const header = new Header(/** @type {HTMLElement} */ (document.getElementById("header")), () => help.showModal());

/** @type {Page|null} */
let page = null;
let path = "";
let turn = 0;
let going = false;

/** @type {Context} */
const context = { overview: null, minute: null, trouble: (text) => header.say(text) };

async function show() {
  header.draw();
  if (path === address.path()) {
    page?.update();
    return;
  }
  const now = ++turn;
  path = address.path();
  page?.dispose();
  page = null;
  header.said = "";
  try {
    const made = await (FILES[path] ?? FILES["/"])();
    if (now !== turn) return;
    root.className = path === "/" ? "scan" : path.slice(1);
    fill(root);
    document.title = `tapescan: ${path === "/" ? "scan" : path.slice(1)}`;
    page = new made(root, context);
    header.draw();
  } catch (error) {
    fill(root, h("p.error", {}, `This page cannot be shown: ${/** @type {Error} */ (error).message}`));
  }
}

async function look() {
  try {
    const overview = await getJson("/overview");
    const changed = context.overview && overview.generation !== context.overview.generation;
    context.overview = header.overview = overview;
    header.draw();
    if (changed) page?.update();
  } catch (error) {
    header.overview ??= { notes: [], profile: { name: "" } };
    header.say(/** @type {Error} */ (error).message);
  }
}

/** @param {Element|null} found */
const isField = (found) =>
  !!found && (/^(INPUT|TEXTAREA|SELECT)$/.test(found.tagName) || found.hasAttribute("contenteditable"));

addEventListener(
  "keydown",
  (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || help.open) return;
    const target = /** @type {HTMLElement} */ (event.target);
    if (isField(target)) {
      if (event.key === "Escape" && target.id !== "where") target.blur(); // that one closes its list first
      return;
    }
    // A button takes its own keys.
    if ((event.key === " " || event.key === "Enter") && target.closest?.("button, a, summary")) return;
    let taken = true;
    if (going) {
      going = false;
      if (GOES[event.key]) address.go(GOES[event.key]);
    } else if (event.key === "?") help.showModal();
    else if (event.key === "g") going = true;
    else if (event.key === "d") {
      change();
      header.draw();
    } else if (page?.key?.(event)) taken = true;
    else if (event.key === "/") address.go("/");
    else taken = false;
    if (taken) event.preventDefault();
  },
  true,
);

address.follow(show);
// What the first page needs is fetched at once, not one after the other.
const first = (FILES[address.path()] ?? FILES["/"])();
await Promise.all([look(), loadColumns(), once("/screens"), first].map((one) => one.catch(() => {})));
await show();
let generation = context.overview?.generation;
listen(
  "/stream",
  {
    market: (data) => {
      if (generation !== undefined && data.generation !== generation) look();
      generation = data.generation;
    },
    minute: (data) => {
      context.minute = data;
      dispatchEvent(new CustomEvent("tapescan:minute", { detail: data }));
    },
  },
  (open) => {
    header.connected = open;
    header.draw();
  },
);
