// @ts-check
// The list: a condition, the table that it gives, chart and reasons of the row that is chosen, and the coverage.

import { address as url, loadColumns, once, Problem } from "./api.js";
import * as address from "./address.js";
import { ask, named, names, query, wanted } from "./asked.js";
import { Builder } from "./builder.js";
import { coverage } from "./coverage.js";
import { Detail } from "./detail.js";
import { fill, h } from "./dom.js";
import * as format from "./format.js";
import { Grid } from "./grid.js";
import { Plot } from "./plot.js";
import { Sparks } from "./spark.js";
import { toggle, Tools } from "./tools.js";
import { WhereLine } from "./where.js";

const LABELS = /** @type {Record<string, string>} */ ({
  rank: "#",
  spark: "quarter",
  relative_volume_20: "rel. volume",
  from_high_252: "from high",
});

export class Scan {
  /** @param {HTMLElement} root @param {{overview: any, trouble: (text: string) => void}} context */
  constructor(root, context) {
    this.context = context;
    this.where = new WhereLine((where) => {
      // What is asked again is read again: the market may be another one.
      if (where === address.get("where")) this.load();
      else address.set({ where, dropped: "" });
    });
    this.builder = new Builder(this.where);
    this.plot = new Plot();
    this.detail = new Detail();
    this.detail.next = () => this.table?.columns.symbol[this.grid.order[this.grid.at + 1]] ?? "";
    this.sparks = new Sparks(() => this.grid.redraw("spark"));
    this.tools = new Tools();
    this.place = h("div.grid");
    this.none = h("p.none", { hidden: true });
    this.side = h("aside.detail", { "aria-label": "The chosen symbol" });
    this.foot = h("footer.coverage", { "aria-label": "Coverage" });
    fill(
      root,
      h("div.asks", {}, this.where.root, this.tools.root, this.tools.note, this.builder.root, this.plot.root),
      h("div.split", {}, h("section.list", { "aria-label": "Ranked symbols" }, this.place, this.none), this.side),
      this.foot,
    );
    this.grid = new Grid(this.place, {
      label: "Ranked symbols",
      chosen: (row) => this.choose(row),
      opened: (row) => this.open(row),
      sorted: (sort) => address.set({ sort }, true),
      seen: (rows) => {
        const symbols = this.table?.columns.symbol;
        if (symbols && this.shown.includes("spark")) this.sparks.want(rows.map((row) => symbols[row]));
      },
    });
    /** @type {string[]} */
    this.shown = [];
    this.asked = "";
    /** @type {number|undefined} */
    this.generation = undefined;
    this.update();
  }

  /** @param {string} name */
  screen(name) {
    return this.screens?.find((/** @type {any} */ one) => one.name === name);
  }

  async update() {
    if (!this.screens) {
      const [, found] = await Promise.all([loadColumns(), once("/screens")]).catch((error) => {
        this.context.trouble(error.message);
        return [null, { screens: [] }];
      });
      this.screens = found.screens;
    }
    if (document.activeElement !== this.where.field) this.where.text = address.get("where");
    const whole = { ...query(this.screens), top: 20000, columns: names(this.screens) };
    this.tools.update(this.screens, wanted(this.screens), (form) => url("/scan", { ...whole, format: form }));
    const asked = JSON.stringify([
      query(this.screens),
      wanted(this.screens),
      address.get("dropped"),
      this.context.overview?.generation,
    ]);
    if (asked !== this.asked) {
      if (this.generation !== this.context.overview?.generation) this.sparks.clear();
      this.generation = this.context.overview?.generation;
      this.asked = asked;
      await this.load();
    } else if (this.table) {
      this.arrange();
    }
    this.builder.update();
    this.plot.update(this.condition());
  }

  /** The condition with that of named screens. */
  condition() {
    const parts = address
      .list("screens")
      .map((name) => this.screen(name)?.where)
      .concat(address.get("where"))
      .filter(Boolean);
    return parts.length > 1 ? parts.map((one) => `(${one.trim()})`).join(" AND ") : (parts[0] ?? "").trim();
  }

  async load() {
    this.stop?.abort();
    this.stop = new AbortController();
    const { signal } = this.stop;
    const began = performance.now();
    this.place.setAttribute("aria-busy", "true");
    try {
      const answers = ask(this.screens, signal);
      const table = await answers.table;
      if (signal.aborted) return;
      this.where.say(null);
      this.context.trouble("");
      this.place.removeAttribute("aria-busy");
      const first = !this.table;
      this.table = table;
      this.show(table, first); // a link to a symbol shows its row
      requestAnimationFrame(() => {
        this.place.dataset.painted = (performance.now() - began).toFixed(0);
        performance.mark("tapescan:list");
      });
      const about = await answers.about;
      if (!signal.aborted) coverage(this.foot, about, this.context.overview?.reasons ?? {});
    } catch (error) {
      if (signal.aborted) return;
      const problem = /** @type {Problem} */ (error);
      // What is wrong with the condition is said under it; the table stays as it was.
      this.where.say(problem);
      this.asked = "";
    } finally {
      if (signal === this.stop.signal) this.place.removeAttribute("aria-busy");
    }
  }

  /** @param {import("./api.js").Table} table @param {boolean} [first] of this page */
  show(table, first = false) {
    this.shown = wanted(this.screens)
      .map(named)
      .filter((name) => name === "spark" || table.columns[name]);
    const rows = [...table.columns.symbol];
    this.grid.sort = address.get("sort");
    this.grid.filter = address.get("q");
    this.grid.show(
      table,
      this.shown.map((name) => ({
        name,
        label: LABELS[name],
        draw: name === "spark" ? (row) => this.sparks.draw(rows[row]) : undefined,
      })),
    );
    this.places = new Map(rows.map((/** @type {string} */ symbol, /** @type {number} */ at) => [symbol, at]));
    this.say();
    this.select(first);
  }

  arrange() {
    const [sort, q] = [address.get("sort"), address.get("q")];
    if (sort !== this.grid.sort || q !== this.grid.filter) {
      this.grid.arrange(sort, q);
      this.say();
    }
    this.select();
  }

  say() {
    const [shown, all] = [this.grid.order.length, this.table?.total ?? 0];
    fill(
      this.tools.count,
      h("b", {}, format.fixed(shown, 0)),
      shown === all ? "" : ` of ${format.fixed(all, 0)}`,
      address.get("dropped") ? " left out" : " ranked",
    );
    this.none.hidden = shown > 0;
    fill(
      this.none,
      address.get("q")
        ? "Nothing in the list has these words."
        : "Nobody satisfies the condition; the coverage below says who was left out, and why.",
    );
  }

  /**
   * Show the symbol of the address; the first one while it names none.
   * @param {boolean} [near] bring its row into view
   */
  select(near = false) {
    const symbol = address.get("symbol");
    const row = symbol ? (this.places?.get(symbol) ?? -1) : this.grid.order.length ? this.grid.order[0] : -1;
    this.grid.choose(row, near);
    const shown = symbol || (row >= 0 ? this.table?.columns.symbol[row] : "");
    if (!shown) return fill(this.side);
    if (!this.side.firstChild) fill(this.side, this.detail.root);
    this.detail.show(shown, row >= 0 ? this.row(row) : null, query(this.screens), this.generation);
  }

  /** @param {number} row */
  row(row) {
    const table = /** @type {import("./api.js").Table} */ (this.table);
    return Object.fromEntries(table.names.map((name) => [name, table.columns[name][row]]));
  }

  /** @param {number} row */
  choose(row) {
    address.set({ symbol: this.table?.columns.symbol[row] ?? "" }, true);
  }

  /** @param {number} row */
  open(row) {
    address.go("/symbol", { ...address.forward(query(this.screens)), symbol: this.table?.columns.symbol[row] ?? "" });
  }

  /** @param {KeyboardEvent} event @returns {boolean} whether it was meant for this page */
  key(event) {
    const inside = this.place.contains(document.activeElement);
    if (event.key === "/") this.where.field.focus();
    else if (event.key === " " || event.key === "j" || (event.key === "ArrowDown" && !inside))
      this.grid.flip(event.shiftKey ? -1 : 1);
    else if (event.key === "k" || (event.key === "ArrowUp" && !inside)) this.grid.flip(-1);
    else if (event.key === "Enter" && this.grid.row >= 0) this.open(this.grid.row);
    else if (event.key === "f") this.tools.quick.focus();
    else if (event.key === "o") this.tools.order.focus();
    else if (event.key === "s") this.grid.sortHere();
    else if (event.key === "h") toggle("plot");
    else if (event.key === "b") toggle("build");
    else return false;
    return true;
  }

  dispose() {
    this.stop?.abort();
    this.grid.dispose();
    this.plot.dispose();
    this.detail.dispose();
  }
}
