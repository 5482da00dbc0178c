// @ts-check
// A screen through time: how many matched on each session, and what they earned after costs beside the market.

import { getTable } from "./api.js";
import * as address from "./address.js";
import { choice, fill, h } from "./dom.js";
import * as format from "./format.js";

const HORIZONS = /** @type {[string, string][]} */ ([
  ["1", "1 bar"],
  ["5", "5 bars"],
  ["10", "10 bars"],
  ["21", "21 bars"],
  ["63", "63 bars"],
]);
const COSTS = /** @type {[string, string][]} */ ([
  ["0", "no costs"],
  ["5", "5 bp"],
  ["10", "10 bp"],
  ["25", "25 bp"],
]);

/** As in `detail.js`. */
const charts = () => import("./chart.js");

export class Plot {
  constructor() {
    this.said = h("div.legend");
    this.terms = h("div.terms");
    this.canvas = h("div.chart.plot", { role: "img", "aria-label": "Matches by session" });
    this.trouble = h("p.muted", { role: "status" });
    this.root = h(
      "section.plotting",
      { "aria-label": "The screen through time", hidden: true },
      h("div.legendline", {}, this.said, this.terms),
      this.trouble,
      this.canvas,
    );
    this.asked = "";
    /** @type {{dispose: () => void}|null} */
    this.chart = null;
    this.repaint = () => {
      this.asked = "";
      this.update(this.where ?? "");
    };
    addEventListener("tapescan:theme", this.repaint);
  }

  /** @param {string} where the condition that is shown */
  async update(where) {
    this.where = where;
    this.root.hidden = address.get("plot") !== "1";
    if (this.root.hidden) return;
    const horizon = address.get("horizon") || "5";
    const cost = address.get("cost") || "10";
    const asked = JSON.stringify([where, horizon, cost, address.get("profile")]);
    if (asked === this.asked) return;
    this.asked = asked;
    fill(
      this.terms,
      choice("Bars that a match is held", HORIZONS, horizon, (value) => address.set({ horizon: value }, true)),
      choice("Costs each way", COSTS, cost, (value) => address.set({ cost: value }, true)),
    );
    if (!where) {
      this.empty("Write a condition: this shows how many met it on each session, and what came after.");
      return;
    }
    try {
      const [found, { lineChart }] = await Promise.all([
        getTable("/plot", { where, horizon, cost, profile: address.get("profile") }),
        charts(),
      ]);
      if (asked === this.asked) this.draw(found, lineChart);
    } catch (error) {
      if (asked === this.asked) this.empty(/** @type {Error} */ (error).message);
    }
  }

  /** @param {string} why */
  empty(why) {
    this.chart?.dispose();
    this.chart = null;
    this.canvas.hidden = true;
    fill(this.said);
    fill(this.trouble, why);
  }

  /** @param {import("./api.js").Table} found @param {typeof import("./chart.js").lineChart} lineChart */
  draw(found, lineChart) {
    fill(this.trouble);
    this.canvas.hidden = false;
    this.chart?.dispose();
    const { columns } = found;
    const some = /** @type {Record<string, Float64Array>} */ (columns);
    let first = 0;
    while (first < found.size - 1 && !some.eligible[first]) first++;
    const rows = Array.from({ length: found.size - first }, (_, at) => first + at);
    const days = rows.map((at) => format.day(some.session[at]));
    const values = (/** @type {string} */ name) =>
      rows.map((at) => (Number.isFinite(some[name][at]) ? some[name][at] : null));
    // Single sessions jump: what is drawn of returns is what 21 sessions had on average, weighted by their matches.
    const forward = smooth(rows, some.forward, some.known);
    const market = smooth(rows, some.market, some.eligible);
    const share = (/** @type {number} */ value) => format.percent(value, 1, true);
    this.chart = lineChart(
      this.canvas,
      days,
      [
        {
          name: "matches",
          label: "matches",
          pane: 0,
          kind: "bars",
          values: values("matches"),
          colour: "volume",
          show: format.short,
        },
        {
          name: "forward",
          label: "they earned",
          pane: 1,
          kind: "line",
          values: forward,
          colour: "series-1",
          show: share,
        },
        {
          name: "market",
          label: "all eligible",
          pane: 1,
          kind: "line",
          values: market,
          colour: "muted",
          show: share,
        },
      ],
      {
        clicked: (day) => address.set({ as_of: day }),
        seen: (day, [matches, gained, every]) =>
          fill(
            this.said,
            h("span.muted", {}, day ?? days[days.length - 1]),
            h("span", {}, h("b", {}, matches === null ? "\u2013" : format.fixed(matches, 0)), " matches"),
            h(
              "span.key",
              { style: { "--shade": "var(--series-1)" } },
              "they earned ",
              h("b", {}, gained === null ? "\u2013" : share(gained)),
            ),
            h(
              "span.key",
              { style: { "--shade": "var(--muted)" } },
              "all eligible ",
              h("b", {}, every === null ? "\u2013" : share(every)),
            ),
            h("span.muted", {}, day ? "click to go there" : `${whole(some, rows)}`),
          ),
      },
    );
    this.canvas.dataset.days = String(days.length);
    this.canvas.setAttribute(
      "aria-label",
      `Matches on ${days.length} sessions to ${days[days.length - 1]}; ${whole(some, rows)}`,
    );
  }

  dispose() {
    removeEventListener("tapescan:theme", this.repaint);
    this.asked = "";
    this.chart?.dispose();
  }
}

/** @param {number[]} rows @param {Float64Array} values @param {Float64Array} weights @returns {(number|null)[]} */
function smooth(rows, values, weights) {
  return rows.map((at, place) => {
    let sum = 0;
    let weight = 0;
    for (const one of rows.slice(Math.max(place - 20, 0), place + 1)) {
      if (!Number.isFinite(values[one])) continue;
      sum += values[one] * weights[one];
      weight += weights[one];
    }
    return weight && Number.isFinite(values[at]) ? sum / weight : null;
  });
}

/** Over all sessions, in words. @param {Record<string, Float64Array>} some @param {number[]} rows */
function whole(some, rows) {
  let gained = 0;
  let every = 0;
  let known = 0;
  for (const at of rows) {
    if (!Number.isFinite(some.forward[at]) || !Number.isFinite(some.market[at])) continue;
    gained += some.forward[at] * some.known[at];
    every += some.market[at] * some.known[at];
    known += some.known[at];
  }
  if (!known) return "no match has a return yet";
  const share = (/** @type {number} */ value) => format.percent(value, 2, true);
  const beside = `${share(gained / known)}, the market then ${share(every / known)}`;
  return `${format.fixed(known, 0)} matches in all: ${beside}`;
}
