// @ts-check
// What the list asks the server for, as the address says. It is known before the page is there, and asked at once.

import { getJson, getTable, once } from "./api.js";
import * as address from "./address.js";

/** @typedef {import("./api.js").Query} Query */
/** @typedef {{said: string, table: Promise<import("./api.js").Table>, about: Promise<any>}} Answers */
/** @typedef {{name: string, where: string, columns?: string[]}[]} Screens */

const DEFAULT = [
  "rank",
  "symbol",
  "spark",
  "name",
  "sector",
  "score",
  "close",
  "ret_1",
  "ret_5",
  "ret_21",
  "ret_252",
  "rsi_14",
  "relative_volume_20",
  "from_high_252",
  "stop",
  "target",
  "shares",
  "risk",
];
/** What has room on a telephone without a push to the side comes first. */
const NARROW = ["symbol", "spark", "score", "close", "ret_1"];
/** What a row needs beside what is shown. */
const ALWAYS = [
  "rank",
  "symbol",
  "name",
  "sector",
  "side",
  "score",
  "close",
  "entry",
  "stop",
  "target",
  "shares",
  "risk",
];

/** @param {string} one as `x = close / sma_50` @returns the name of what it makes */
export const named = (one) => /^\s*([A-Za-z_]\w*)\s*=(?!=)/.exec(one)?.[1] ?? one;

/** Columns that need not be asked for. @param {string} name */
const isOwn = (name) => name === "spark" || name === "dropped" || ALWAYS.includes(name);

/** The columns that are shown, as the address or its screens say. @param {Screens} screens all that there are */
export function wanted(screens) {
  if (address.get("cols")) return [...new Set(address.list("cols"))];
  const found = innerWidth > 640 ? [...DEFAULT] : [...NARROW, ...DEFAULT];
  for (const name of address.list("screens")) {
    found.push(...(screens.find((one) => one.name === name)?.columns ?? []));
  }
  return [...new Set(found)];
}

/** Columns that are asked for, by the names they have in the result. @param {Screens} screens */
export const names = (screens) =>
  [...new Set([...ALWAYS, ...wanted(screens).map(named)])].filter((one) => one !== "spark" && one !== "dropped");

/** The scan that is shown. @param {Screens} screens @returns {Query} */
export const query = (screens) => ({
  profile: address.get("profile"),
  screens: address.list("screens"),
  where: address.get("where"),
  rank_by: address.get("rank_by"),
  features: wanted(screens).filter((one) => named(one) !== one || !isOwn(one)),
  as_of: address.get("as_of"),
});

/** @type {Answers|null} */
let early = null;

/**
 * Its rows, and what is said of all of it.
 * @param {Screens} screens @param {AbortSignal} [signal] @returns {Answers}
 */
export function ask(screens, signal) {
  const asked = query(screens);
  const rows = { ...asked, top: 20000, columns: names(screens), dropped: address.get("dropped") };
  const said = JSON.stringify(rows);
  const before = early;
  early = null;
  if (before?.said === said) return before;
  const table = getTable("/scan", rows, signal);
  const about = getJson("/scan", { ...asked, top: 1 }, signal);
  for (const one of [table, about]) one.catch(() => {}); // who waits for it hears of it
  return { said, table, about };
}

/** Ask before the page is there to wait for it. What named screens have is known only when they are. */
async function askEarly() {
  early = ask(address.get("screens") ? (await once("/screens")).screens : []);
}

if (address.path() === "/") askEarly().catch(() => {}); // the page asks again, and says what is wrong
