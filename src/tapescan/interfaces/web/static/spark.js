// @ts-check
// Small pictures of the newest closes in a table's rows: asked for together, for the rows that are seen.

import { getJson } from "./api.js";
import { h, s } from "./dom.js";

const SESSIONS = 63;
const [WIDTH, HEIGHT] = [84, 18];
const MOST = 4000;

export class Sparks {
  /** @param {() => void} came */
  constructor(came) {
    this.came = came;
    /** @type {Map<string, (number|null)[]|null>} null while it is asked for */
    this.known = new Map();
    this.timer = 0;
    /** What was drawn, by symbol. @type {Map<string, HTMLElement>} */
    this.drawn = new Map();
  }

  /** Ask for those that are not known, once nobody scrolls any more. @param {string[]} symbols */
  want(symbols) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(symbols.filter((one) => !this.known.has(one)).slice(0, 80)), 90);
  }

  /** @param {string[]} symbols */
  async ask(symbols) {
    if (!symbols.length) return;
    if (this.known.size > MOST) this.clear();
    for (const one of symbols) this.known.set(one, null);
    try {
      const { closes } = await getJson("/closes", { symbols: symbols.join(","), sessions: SESSIONS });
      for (const [symbol, some] of Object.entries(closes)) this.known.set(symbol, some);
      this.came();
    } catch {
      for (const one of symbols) this.known.delete(one); // it is asked again with the next scroll
    }
  }

  /** @param {string} symbol */
  draw(symbol) {
    const before = this.drawn.get(symbol);
    if (before) return before;
    const some = this.known.get(symbol)?.filter((one) => one !== null) ?? [];
    if (some.length < 2) return "";
    const low = Math.min(...some);
    const span = Math.max(...some) - low || 1;
    const points = some.map((one, at) => {
      const y = HEIGHT - 1 - ((one - low) / span) * (HEIGHT - 2);
      return `${((at / (some.length - 1)) * WIDTH).toFixed(1)},${y.toFixed(1)}`;
    });
    const way = some[some.length - 1] >= some[0] ? "up" : "down";
    const picture = s(
      "svg",
      { class: `spark ${way}`, viewBox: `0 0 ${WIDTH} ${HEIGHT}`, "aria-hidden": "true" },
      s("polyline", { points: points.join(" ") }),
    );
    const found = h("span", {}, picture); // SlickGrid takes elements of HTML alone
    this.drawn.set(symbol, found);
    return found;
  }

  /** Forget all: something came into the store. */
  clear() {
    this.known.clear();
    this.drawn.clear();
  }
}
