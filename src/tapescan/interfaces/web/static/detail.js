// @ts-check
// One symbol beside the table, or alone: its chart with any columns of bars, its plan, and why it stands there.

import { columns, getJson, loadColumns } from "./api.js";
import * as address from "./address.js";
import { calmly, colours, fill, h, input } from "./dom.js";
import { explanation, plan } from "./explain.js";
import { still } from "./files.js";
import * as format from "./format.js";

const OVERLAYS = ["sma_50", "sma_200", "rsi_14"];
const SESSIONS = 260;
/** Symbols whose bars are kept: who goes back and forth finds them. */
const KEPT = 6;
/** The code of charts is large: the table is drawn before it comes. */
const charts = () => import("./chart.js");

/** The columns of the chart, as the address says. */
export function overlays() {
  if (!address.get("chart")) return OVERLAYS;
  return address.list("chart").filter((name) => name !== "none");
}

export class Detail {
  /** @param {{tall?: boolean, told?: (told: any) => void}} [more] */
  constructor(more = {}) {
    this.more = more;
    this.title = h("h2", { tabindex: "-1" });
    this.legend = h("div.legend", { "aria-live": "off" });
    this.canvas = h(`div.chart${more.tall ? ".tall" : ""}`, { role: "img", "aria-label": "Chart of bars" });
    this.names = h("datalist", { id: "bar-columns" });
    this.adding = input("input", {
      type: "text",
      list: "bar-columns",
      placeholder: "+ column",
      size: 12,
      "aria-label": "Add a column to the chart",
      onchange: () => this.add(this.adding.value.trim()),
    });
    this.trouble = h("div.error", { role: "status" });
    this.plan = h("div");
    this.why = h("div");
    this.root = h(
      "div.detail-in",
      {},
      this.title,
      h("div.legendline", {}, this.legend, this.adding, this.names),
      this.trouble,
      this.canvas,
      this.plan,
      this.why,
    );
    /** @type {import("./chart.js").BarChart|null} */
    this.chart = null;
    /** @type {typeof import("./chart.js")|undefined} */
    this.charts = undefined;
    this.asked = "";
    this.explained = "";
    this.said = "";
    this.turn = 0;
    /** @type {Record<string, any>[]} */
    this.rows = [];
    /** Bars by what they are asked for with. @type {Map<string, Promise<any>>} */
    this.bars = new Map();
    /** The symbol that is likely to be asked for next. @type {() => string} */
    this.next = () => "";
    this.aheadSoon = calmly(() => this.ahead(), 60);
    this.explainSoon = calmly(() => this.explain(), 140);
    this.repaint = () => {
      if (this.chart) {
        this.chart.dispose();
        this.chart = null;
        this.draw();
      }
    };
    addEventListener("tapescan:theme", this.repaint);
  }

  /**
   * @param {string} symbol @param {any} row of the scan, as far as it is known
   * @param {import("./api.js").Query} query of the scan
   * @param {number|undefined} generation of the market: what is drawn of an older one is asked for anew
   */
  show(symbol, row, query, generation) {
    this.symbol = symbol;
    this.row = row;
    this.query = query;
    this.generation = generation;
    const names = overlays();
    const bars = this.keyOf(symbol);
    const whole = JSON.stringify([symbol, query, generation]);
    const said = JSON.stringify([whole, bars, row]);
    if (said === this.said) return; // another order of the list changes nothing of the symbol
    this.said = said;
    fill(
      this.title,
      h("a", { href: address.link("/symbol", { ...address.forward(query), symbol }) }, symbol),
      " ",
      h("span.name", {}, row?.name ?? ""),
      h("span.muted.sector", {}, row?.sector ?? ""),
    );
    if (row) fill(this.plan, plan(row));
    if (bars !== this.asked) {
      this.asked = bars;
      this.load(symbol, bars, names);
    } else this.chart?.showLevels(row ?? {});
    if (whole !== this.explained) {
      this.explained = whole;
      this.explainSoon();
    }
  }

  /** What bars are asked for with. @param {string} symbol */
  keyOf(symbol) {
    return JSON.stringify([symbol, overlays(), this.query?.as_of, this.generation]);
  }

  /** A symbol's bars, which are asked for once. @param {string} symbol @param {string} key */
  ask(symbol, key) {
    let found = this.bars.get(key);
    if (!found) {
      const query = { sessions: this.more.tall ? 1000 : SESSIONS, columns: overlays(), as_of: this.query?.as_of };
      found = getJson(`/symbols/${encodeURIComponent(symbol)}/bars`, query);
      found.catch(() => this.bars.delete(key));
      this.bars.set(key, found);
      for (const older of [...this.bars.keys()].slice(0, -KEPT)) this.bars.delete(older);
    }
    return found;
  }

  /** Have the bars of the next symbol at hand before somebody asks. */
  ahead() {
    const next = this.next();
    if (next && !still) this.ask(next, this.keyOf(next));
  }

  /** @param {string} symbol @param {string} bars what they are asked for with @param {string[]} names */
  async load(symbol, bars, names) {
    const turn = ++this.turn;
    try {
      const [{ rows }, made] = await Promise.all([this.ask(symbol, bars), charts(), loadColumns()]);
      if (turn !== this.turn) return;
      this.charts = made;
      this.rows = rows;
      this.drawn = names;
      fill(this.trouble);
      this.draw();
    } catch (error) {
      if (turn !== this.turn) return;
      fill(this.trouble, /** @type {Error} */ (error).message);
    }
    if (!this.names.firstChild) {
      fill(
        this.names,
        [...columns.values()]
          .filter((one) => one.source === "bars")
          .map((one) => h("option", { value: one.name }, one.title)),
      );
    }
  }

  draw() {
    if (!this.rows.length || !this.drawn || !this.charts) return;
    this.chart ??= new this.charts.BarChart(this.canvas, (row) => this.say(row));
    this.chart.show(this.symbol ?? "", this.rows, this.drawn, this.row ?? {});
    this.canvas.dataset.shown = this.symbol;
    performance.mark("tapescan:chart");
    this.aheadSoon();
    const last = this.rows[this.rows.length - 1];
    this.canvas.setAttribute(
      "aria-label",
      `Chart of ${this.symbol}: ${this.rows.length} bars to ${last.session}, ` + `close ${format.price(last.close)}`,
    );
  }

  /** The values of a session; of the newest when the pointer is elsewhere. @param {any} row */
  say(row) {
    const shown = row ?? this.rows[this.rows.length - 1];
    if (!shown) return;
    const before = this.rows[this.rows.indexOf(shown) - 1];
    const change = before && before.close ? shown.close / before.close - 1 : NaN;
    const shades = colours("series-1", "series-2", "series-3", "series-4", "series-5", "series-6");
    fill(
      this.legend,
      h("span.muted", {}, shown.session),
      h("b", {}, format.number("close", shown.close)),
      Number.isFinite(change) ? h(`span.${change < 0 ? "down" : "up"}`, {}, format.percent(change, 1, true)) : null,
      h("span.muted", {}, `vol ${shown.volume === null ? "\u2013" : format.short(shown.volume)}`),
      (this.drawn ?? []).map((name, at) =>
        h(
          "span.key",
          { style: { "--shade": shades[at % shades.length] }, "data-column": name, "data-value": shown[name] },
          h("code", {}, name),
          " ",
          format.number(name, shown[name]),
          h(
            "button.quiet",
            { "aria-label": `Remove ${name} from the chart`, onclick: () => this.remove(name) },
            "\u00d7",
          ),
        ),
      ),
    );
  }

  /** @param {string} name */
  add(name) {
    this.adding.value = "";
    if (name) address.set({ chart: [...new Set([...overlays(), name])].join(",") }, true);
  }

  /** @param {string} name */
  remove(name) {
    // A chart with nothing beside its bars is a state too.
    address.set(
      {
        chart:
          overlays()
            .filter((one) => one !== name)
            .join(",") || "none",
      },
      true,
    );
  }

  async explain() {
    const whole = this.explained;
    this.why.setAttribute("aria-busy", "true");
    try {
      const told = await getJson(`/symbols/${encodeURIComponent(this.symbol ?? "")}`, this.query);
      if (whole !== this.explained) return;
      fill(this.plan, plan(told.row));
      fill(this.why, explanation(told, !!this.more.tall));
      this.row = { ...this.row, ...told.row };
      this.chart?.showLevels(told.row);
      if (!this.title.querySelector(".name")?.textContent)
        this.title.querySelector(".name")?.append(told.row.name ?? "");
      this.more.told?.(told);
    } catch (error) {
      if (whole === this.explained) fill(this.why, h("p.error", {}, /** @type {Error} */ (error).message));
    } finally {
      this.why.removeAttribute("aria-busy");
    }
  }

  dispose() {
    this.turn++;
    this.explained = "";
    removeEventListener("tapescan:theme", this.repaint);
    this.chart?.dispose();
    this.chart = null;
  }
}
