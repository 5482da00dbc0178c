// @ts-check
// Where a symbol stood in the ranking, session by session. Ranking sessions takes the server a while, so it is asked
// for when somebody opens it.

import { getJson } from "./api.js";
import * as address from "./address.js";
import { legendIn, lineChart } from "./chart.js";
import { fill, h } from "./dom.js";
import * as format from "./format.js";

export class Ranks {
  constructor() {
    this.said = h("div.legend");
    this.canvas = h("div.chart.plot", { role: "img", "aria-label": "Rank by session" });
    this.trouble = h("p.muted", { role: "status" });
    this.root = h(
      "details.panel",
      { "aria-label": "Rank through time", ontoggle: () => this.toggled() },
      h("summary", {}, "Its rank through time"),
      this.trouble,
      this.said,
      this.canvas,
    );
    this.asked = "";
    /** @type {import("./api.js").Query} */
    this.query = {};
    /** @type {any[]} */
    this.rows = [];
    /** @type {{dispose: () => void}|null} */
    this.chart = null;
    this.repaint = () => {
      if (this.chart) this.draw();
    };
    addEventListener("tapescan:theme", this.repaint);
  }

  get open() {
    return /** @type {HTMLDetailsElement} */ (this.root).open;
  }

  toggled() {
    if (this.open !== (address.get("ranks") === "1")) address.set({ ranks: this.open ? "1" : "" }, true);
    this.ask();
  }

  /**
   * @param {string} symbol @param {import("./api.js").Query} query of the scan
   * @param {number|undefined} generation of the market
   */
  update(symbol, query, generation) {
    this.symbol = symbol;
    this.query = { profile: query.profile, as_of: query.as_of };
    this.generation = generation;
    /** @type {HTMLDetailsElement} */ (this.root).open = address.get("ranks") === "1";
    this.ask();
  }

  async ask() {
    const { symbol, query } = this;
    if (!this.open || !symbol) return;
    const asked = JSON.stringify([symbol, query, this.generation]);
    if (asked === this.asked) return;
    this.asked = asked;
    fill(this.said);
    this.canvas.hidden = true;
    fill(this.trouble, "ranking sessions\u2026");
    try {
      const { rows } = await getJson(`/symbols/${encodeURIComponent(symbol)}/ranks`, query);
      if (asked !== this.asked || !this.root.isConnected) return;
      this.rows = rows;
      fill(this.trouble, this.sentence());
      this.canvas.hidden = false;
      this.draw();
    } catch (error) {
      if (asked === this.asked) fill(this.trouble, /** @type {Error} */ (error).message);
    }
  }

  sentence() {
    const ranked = this.rows.filter((one) => one.rank !== null);
    const sessions = `${this.rows.length} sessions`;
    if (!ranked.length) return `It was ranked on none of ${sessions}.`;
    const best = Math.min(...ranked.map((one) => one.rank));
    const names = [...new Set(this.rows.map((one) => one.symbol))].filter((one) => one && one !== this.symbol);
    return (
      `Ranked on ${ranked.length} of ${sessions}, at best ${format.fixed(best, 0)}.` +
      (names.length ? ` Its company was called ${names.join(", ")} before.` : "")
    );
  }

  draw() {
    this.chart?.dispose();
    const days = this.rows.map((one) => one.session);
    const whole = (/** @type {number} */ one) => format.fixed(one, 0);
    const lines = /** @type {import("./chart.js").Line[]} */ ([
      { name: "rank", pane: 0, show: whole, invert: true },
      { name: "score", pane: 1, show: (/** @type {number} */ one) => format.fixed(one, 1) },
    ]).map((one, at) => ({
      ...one,
      label: one.name,
      kind: /** @type {"line"} */ ("line"),
      colour: `series-${at + 1}`,
      values: this.rows.map((row) => row[one.name]),
    }));
    this.chart = lineChart(this.canvas, days, lines, {
      clicked: (as_of) => address.set({ as_of }),
      seen: legendIn(this.said, days, lines),
    });
    this.canvas.dataset.shown = this.symbol;
    this.canvas.dataset.ranks = this.rows.map((one) => one.rank ?? "").join(" ");
  }

  dispose() {
    this.asked = "";
    removeEventListener("tapescan:theme", this.repaint);
    this.chart?.dispose();
    this.chart = null;
  }
}
