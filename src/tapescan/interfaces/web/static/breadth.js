// @ts-check
// How much of the market takes part, session by session, and where the newest one stands among all.

import { getJson } from "./api.js";
import * as address from "./address.js";
import { legendIn, lineChart } from "./chart.js";
import { fill, h } from "./dom.js";
import * as format from "./format.js";
import { table } from "./tables.js";

/** The columns that are drawn: name, pane, bars or a line. */
const DRAWN = /** @type {[string, number, "bars"|"line"][]} */ ([
  ["above_50", 0, "line"],
  ["above_200", 0, "line"],
  ["net_highs_252", 1, "bars"],
  ["mcclellan", 2, "line"],
  ["advance_decline_line", 3, "line"],
]);
const TILES = ["above_50", "above_200", "net_highs_252", "mcclellan", "summation", "ratio_10", "up_4", "down_4"];

export class Breadth {
  /** @param {HTMLElement} root */
  constructor(root) {
    this.root = root;
    this.asked = "";
    this.repaint = () => {
      if (this.found) this.draw(this.found);
    };
    addEventListener("tapescan:theme", this.repaint);
    this.update();
  }

  async update() {
    const asked = address.get("profile");
    if (asked === this.asked && this.found) return;
    this.asked = asked;
    fill(this.root, h("p.muted", {}, "computing every session\u2026"));
    try {
      const found = await getJson("/breadth", { profile: asked });
      if (asked !== this.asked || !this.root.isConnected) return;
      this.found = found;
      this.draw(found);
    } catch (error) {
      fill(this.root, h("p.error", {}, /** @type {Error} */ (error).message));
    }
  }

  /** @param {any} found */
  draw(found) {
    this.chart?.dispose();
    /** @type {Map<string, any>} */
    const about = new Map(found.columns.map((/** @type {any} */ one) => [one.name, one]));
    const rows = found.sessions.filter((/** @type {any} */ one) => one.eligible > 0);
    const days = rows.map((/** @type {any} */ one) => one.session);
    const show = (/** @type {string} */ name) => (/** @type {number} */ value) => shown(about.get(name)?.unit, value);
    const said = h("div.legend");
    const canvas = h("div.chart.tall", { role: "img", "aria-label": `Breadth on ${days.length} sessions` });
    const standing = Object.entries(found.standing).map(([name, one]) => ({ name, .../** @type {any} */ (one) }));
    fill(
      this.root,
      h(
        "div.panel",
        {},
        h("p.sentence", {}, found.sentence),
        found.notes.map((/** @type {string} */ note) => h("p.muted", {}, note)),
      ),
      h(
        "div.tiles",
        {},
        TILES.filter((name) => found.standing[name]).map((name) => {
          const one = found.standing[name];
          return h(
            "div.tile",
            { title: about.get(name)?.definition ?? "" },
            h("span.muted", {}, about.get(name)?.title ?? name),
            h("b", {}, show(name)(one.value)),
            h("span.muted", {}, `percentile ${format.fixed(one.percentile, 0)}`),
          );
        }),
      ),
      h("div.panel", {}, said, canvas),
      h(
        "details.panel",
        {},
        h("summary", {}, "Every column, and where it stands"),
        table(standing, ["name", "value", "percentile", "sessions"], {
          label: "Every column",
          show: {
            name: (name) => [h("code", {}, name), h("span.muted", {}, ` ${about.get(name)?.title ?? ""}`)],
            value: (value, row) => show(row.name)(value),
            percentile: (value) => format.fixed(value, 0),
          },
        }),
      ),
    );
    const lines = DRAWN.filter(([name]) => about.has(name)).map(([name, pane, kind], at) => ({
      name,
      label: about.get(name).title,
      pane,
      kind,
      colour: kind === "bars" ? "volume" : `series-${at + 1}`,
      show: show(name),
      values: rows.map((/** @type {any} */ one) => one[name]),
    }));
    this.chart = lineChart(canvas, days, lines, {
      clicked: (as_of) => address.go("/", { as_of }),
      seen: legendIn(said, days, lines),
    });
  }

  dispose() {
    removeEventListener("tapescan:theme", this.repaint);
    this.chart?.dispose();
  }
}

/** @param {string|undefined} unit @param {number|null} value */
function shown(unit, value) {
  if (value === null || value === undefined) return "\u2013";
  if (unit === "share" || unit === "ratio of all" || (unit === "ratio" && Math.abs(value) <= 1))
    return format.percent(value, 0);
  return Math.abs(value) >= 1e5 ? format.short(value) : format.fixed(value, Number.isInteger(value) ? 0 : 2);
}
