// @ts-check
// A table of columns as they come from Arrow: no objects of rows, sorted and filtered by an order of row numbers.

import { columns } from "./api.js";
import { h } from "./dom.js";
import * as format from "./format.js";
import { SlickGrid } from "./vendor/slickgrid.js";

/** @typedef {import("./api.js").Table} Table */
/** @typedef {{name: string, width?: number, label?: string, draw?: (row: number) => any}} Shown */

const WIDTHS = /** @type {Record<string, number>} */ ({
  rank: 46,
  symbol: 84,
  name: 168,
  sector: 128,
  industry: 140,
  spark: 96,
  score: 92,
  side: 52,
});
/** Pixels to either side of what is seen that are drawn as well. */
const BESIDE = 100;
const NONCE = /** @type {HTMLScriptElement|null} */ (document.querySelector("script[nonce]"))?.nonce ?? "";

export class Grid {
  /**
   * @param {HTMLElement} place it fills
   * @param {{chosen: (row: number) => void, opened: (row: number) => void, sorted: (by: string) => void,
   *   seen?: (rows: number[]) => void, label: string}} told row: of the table, whatever the order
   */
  constructor(place, told) {
    this.place = place;
    this.told = told;
    /** @type {Table|null} */
    this.table = null;
    /** @type {Uint32Array} */
    this.order = new Uint32Array(0);
    /** @type {{at: number}[]} */
    this.items = [];
    this.sort = "";
    this.filter = "";
    /** What tells the columns that are shown from others. */
    this.said = "";
    /** What words are looked for in, once somebody does. @type {string[]|null} */
    this.texts = null;
    /** All rows in the orders that were asked for. @type {Map<string, Uint32Array>} */
    this.orders = new Map();
    this.at = -1;
    /** Made with the first table: each time that it measures itself, all of the page is laid out. @type {any} */
    this.slick = null;
    place.setAttribute("aria-label", told.label);
    this.resize = new ResizeObserver(() => this.slick?.resizeCanvas());
    this.resize.observe(place);
  }

  /** @param {any[]} wanted the columns */
  begin(wanted) {
    const { place, told } = this;
    const coarse = matchMedia("(pointer: coarse)").matches;
    const data = {
      getLength: () => this.order.length,
      getItem: (/** @type {number} */ at) => this.items[this.order[at]],
      getItemMetadata: () => null,
    };
    this.slick = new SlickGrid(place, data, wanted, {
      enableHtmlRendering: false, // texts are texts
      enableColumnReorder: false,
      nonce: NONCE,
      rowHeight: coarse ? 34 : 26,
      enableCellNavigation: true,
      editable: false,
      enableTextSelectionOnCells: true,
      minRowBuffer: 1,
      maxSupportedCssHeight: 1e6, // more than the most rows need
      emulatePagingWhenScrolling: false,
      dataItemColumnValueExtractor: (/** @type {{at: number}} */ item, /** @type {any} */ column) =>
        column.values ? column.values[item.at] : null,
    });
    narrow(this.slick);
    tidy(place, told.label);
    this.slick.onActiveCellChanged.subscribe((/** @type {any} */ _, /** @type {any} */ at) => {
      if (at.row !== undefined && at.row !== null) this.mark(at.row, true);
    });
    this.slick.onDblClick.subscribe((/** @type {any} */ _, /** @type {any} */ at) => told.opened(this.order[at.row]));
    this.slick.onSort.subscribe((/** @type {any} */ _, /** @type {any} */ by) => {
      told.sorted(`${by.sortCol.id} ${by.sortAsc ? "asc" : "desc"}`);
    });
    this.slick.onRendered.subscribe(() => this.tellSeen()); // which comes some time after the table was moved
  }

  /** @param {Table} table @param {Shown[]} shown */
  show(table, shown) {
    const before = this.table;
    this.table = table;
    if (!before || before.size !== table.size) this.items = Array.from({ length: table.size }, (_, at) => ({ at }));
    this.texts = null;
    this.orders.clear();
    const wanted = shown.map((one) => this.column(table, one));
    const said = JSON.stringify(wanted.map((one) => [one.id, one.name, one.width, one.toolTip, one.cssClass]));
    if (!this.slick) this.begin(wanted);
    else if (said === this.said) {
      // The same columns of other values: their heads stay as they are.
      this.slick.getColumns().forEach((/** @type {any} */ one, /** @type {number} */ at) => {
        one.values = wanted[at].values;
        one.formatter = wanted[at].formatter;
      });
    } else this.slick.setColumns(wanted);
    this.said = said;
    this.arrange(this.sort, this.filter);
  }

  /** @param {Table} table @param {Shown} one */
  column(table, one) {
    const { name } = one;
    const about = columns.get(name);
    const kind = table.types[name];
    const right = kind === "number" || kind === "day";
    return {
      id: name,
      name: one.label ?? name,
      field: name,
      values: table.columns[name],
      width: one.width ?? WIDTHS[name] ?? (right ? Math.max(72, 20 + 7.2 * (one.label ?? name).length) : 110),
      sortable: !!kind,
      defaultSortAsc: !right,
      cssClass: right ? "number" : "words",
      headerCssClass: right ? "number" : "",
      toolTip: about ? `${about.title}${about.unit ? ` (${about.unit})` : ""}\n${about.meaning}` : name,
      ...(name === "score" && kind === "number" ? { write: rescored } : {}),
      formatter: one.draw
        ? (
            /** @type {any} */ _r,
            /** @type {any} */ _c,
            /** @type {any} */ _v,
            /** @type {any} */ _d,
            /** @type {{at: number}} */ item,
          ) => one.draw?.(item.at)
        : drawn(name, kind),
    };
  }

  /**
   * Sort and filter what is there.
   * @param {string} sort as "rsi_14 desc"; empty for the ranking @param {string} filter words
   */
  arrange(sort, filter) {
    this.sort = sort;
    this.filter = filter;
    const table = this.table;
    if (!table) return;
    const kept = this.at >= 0 ? this.order[this.at] : -1;
    const parts = filter.toLowerCase().split(/\s+/).filter(Boolean);
    const all = this.ordered(table, sort);
    const before = this.slick.getDataLength();
    this.order = parts.length ? this.having(table, all, parts) : all;
    const [by, way] = sort.split(" ");
    this.slick.setSortColumns(table.columns[by] ? [{ columnId: by, sortAsc: way !== "desc" }] : []);
    const at = kept < 0 ? -1 : this.order.indexOf(kept);
    this.slick.resetActiveCell();
    this.at = -1;
    if (this.order.length !== before) this.slick.updateRowCount();
    if (this.slick.getViewport().top > 0) this.slick.scrollRowToTop(0); // the beginning of the new order
    this.slick.vScrollDir = 0; // nobody scrolls: the rows of a page more are not drawn yet
    this.rewrite();
    this.slick.render();
    this.mark(at, false);
    this.tellSeen();
  }

  /** Give the cells that are drawn what they have now: to make them anew takes several times as long. */
  rewrite() {
    const some = this.slick.getColumns();
    const rows = this.slick.getRowCache();
    for (const row of Object.keys(rows).map(Number)) {
      const item = this.items[this.order[row]];
      if (!item) continue; // it goes
      this.slick.ensureCellNodesInRowsCache(row);
      for (const [cell, node] of rows[row].cellNodesByColumnIdx.entries()) {
        if (!node) continue; // not seen
        const column = some[cell];
        const value = column.values ? column.values[item.at] : null;
        if (column.write) column.write(node, value);
        else put(node, column.formatter(row, cell, value, column, item));
      }
    }
  }

  /**
   * All rows in an order, which is made once.
   * @param {Table} table @param {string} sort
   */
  ordered(table, sort) {
    let found = this.orders.get(sort);
    if (!found) {
      const [by, way] = sort.split(" ");
      found = Uint32Array.from({ length: table.size }, (_, at) => at);
      if (table.columns[by]) found.sort(comparer(table.columns[by], way === "desc" ? -1 : 1));
      this.orders.set(sort, found);
    }
    return found;
  }

  /**
   * Those of some rows that have all words in their names.
   * @param {Table} table @param {Uint32Array} rows @param {string[]} words
   */
  having(table, rows, words) {
    if (!this.texts) {
      const named = ["symbol", "name", "sector"].filter((name) => table.columns[name]);
      this.texts = Array.from({ length: table.size }, (_, at) =>
        named
          .map((name) => table.columns[name][at] ?? "")
          .join(" ")
          .toLowerCase(),
      );
    }
    const { texts } = this;
    return rows.filter((at) => words.every((word) => texts[at].includes(word)));
  }

  /** Mark a row of the order. @param {number} at @param {boolean} tell */
  mark(at, tell) {
    if (at === this.at && tell) return;
    this.at = at;
    const style =
      at < 0
        ? {}
        : { [at]: Object.fromEntries(this.slick.getColumns().map((/** @type {any} */ one) => [one.id, "chosen"])) };
    this.slick.setCellCssStyles("chosen", style);
    if (tell && at >= 0) this.told.chosen(this.order[at]);
  }

  /** Choose the row so many further. @param {number} by */
  flip(by) {
    if (!this.order.length) return;
    const at = Math.min(Math.max(this.at + by, 0), this.order.length - 1);
    const cell = this.slick.getActiveCell()?.cell ?? 0;
    this.slick.scrollRowIntoView(at);
    this.slick.setActiveCell(at, cell);
  }

  /** Sort by the column of the active cell; once more turns it around. */
  sortHere() {
    const cell = this.slick?.getActiveCell()?.cell;
    const column = this.slick?.getColumns()[cell ?? -1];
    if (!column?.sortable) return;
    const first = column.defaultSortAsc ? "asc" : "desc";
    this.told.sorted(
      this.sort === `${column.id} ${first}`
        ? `${column.id} ${first === "asc" ? "desc" : "asc"}`
        : `${column.id} ${first}`,
    );
  }

  /**
   * Choose a row of the table without a word to who listens.
   * @param {number} row -1 for none @param {boolean} [shown] bring it into view, wherever it stands
   */
  choose(row, shown = false) {
    const at = row < 0 ? -1 : this.order.indexOf(row);
    if (at >= 0 && shown) this.slick.scrollRowIntoView(at);
    this.mark(at, false);
  }

  /** The row that is chosen; -1 for none. */
  get row() {
    return this.at < 0 ? -1 : this.order[this.at];
  }

  tellSeen() {
    if (!this.told.seen || !this.table) return;
    // All that are drawn: after a small step nothing is drawn anew, and one of them is seen then.
    const { top, bottom } = this.slick.getRenderedRange();
    this.told.seen([...this.order.subarray(Math.max(top, 0), Math.max(bottom + 1, 0))]);
  }

  /** Draw a column's cells anew. @param {string} name */
  redraw(name) {
    const cell = this.slick.getColumnIndex(name);
    if (cell === undefined) return;
    const { top, bottom } = this.slick.getRenderedRange();
    for (let row = top; row <= Math.min(bottom, this.order.length - 1); row++) this.slick.updateCell(row, cell);
  }

  dispose() {
    this.resize.disconnect();
    this.slick?.destroy();
  }
}

/**
 * SlickGrid draws what is a whole screen further to either side, too, which costs as much with each order as what is
 * seen. @param {any} slick
 */
function narrow(slick) {
  const drawn = slick.getRenderedRange.bind(slick);
  slick.getRenderedRange = (/** @type {number} */ top, /** @type {number} */ left) => {
    const seen = slick.getVisibleRange(top, left);
    const found = drawn(top, left);
    found.leftPx = Math.max(found.leftPx, seen.leftPx - BESIDE);
    found.rightPx = Math.min(found.rightPx, seen.rightPx + BESIDE);
    return found;
  };
}

/**
 * A grid holds rows alone, for who hears it: what SlickGrid has between and beside them gets a role, or no focus.
 * @param {HTMLElement} place @param {string} label
 */
function tidy(place, label) {
  for (const one of place.querySelectorAll(".slick-pane, .grid-canvas, .slick-viewport"))
    one.removeAttribute("tabindex");
  const first = place.querySelector(".slick-viewport-top.slick-viewport-left");
  first?.setAttribute("tabindex", "0"); // it is scrolled by keys, too
  first?.setAttribute("role", "rowgroup");
  for (const one of place.querySelectorAll(":scope > div[tabindex]")) {
    one.setAttribute("role", "row"); // where it keeps the focus
    one.setAttribute("aria-label", label);
    one.append(h("div", { role: "gridcell" }));
  }
}

/** Unknown values come last either way, equal ones as they were. @param {any} values @param {number} way */
function comparer(values, way) {
  if (values instanceof Float64Array) {
    return (/** @type {number} */ a, /** @type {number} */ b) => {
      const x = values[a];
      const y = values[b];
      if (x !== x || y !== y) return x !== x ? (y !== y ? a - b : 1) : -1;
      return x === y ? a - b : x < y ? -way : way;
    };
  }
  return (/** @type {number} */ a, /** @type {number} */ b) => {
    const x = values[a];
    const y = values[b];
    if (!x || !y) return !x ? (!y ? a - b : 1) : -1;
    return x === y ? a - b : x < y ? -way : way;
  };
}

/** Give a cell what its formatter made. @param {HTMLElement} node @param {any} made */
function put(node, made) {
  if (made instanceof HTMLElement) {
    if (node.firstChild !== made) node.replaceChildren(made);
    return;
  }
  const text = typeof made === "string" ? made : made.text;
  const first = node.firstChild;
  if (first instanceof Text) first.data = text;
  else node.textContent = text;
  if (made.removeClasses) node.classList.remove(...made.removeClasses.split(" "));
  if (made.addClasses) node.classList.add(made.addClasses);
}

/** @param {number} value */
const partly = (value) => `${Math.min(Math.max(value, 0), 100)}%`;

/** Another score in a cell that has one. @param {HTMLElement} node @param {number} value */
function rescored(node, value) {
  const bar = /** @type {HTMLElement} */ (node.firstElementChild);
  bar.style.setProperty("--part", partly(value));
  put(bar, format.number("score", value));
}

/** @param {string} name @param {string} kind */
function drawn(name, kind) {
  if (kind === "day") return (/** @type {any} */ _r, /** @type {any} */ _c, /** @type {number} */ v) => format.day(v);
  if (kind !== "number") {
    return (/** @type {any} */ _r, /** @type {any} */ _c, /** @type {any} */ value) => format.text(name, value);
  }
  if (name === "score") {
    return (/** @type {any} */ _r, /** @type {any} */ _c, /** @type {number} */ value) =>
      h("span.score", { style: { "--part": partly(value) } }, format.number(name, value));
  }
  if (format.isSigned(name)) {
    return (/** @type {any} */ _r, /** @type {any} */ _c, /** @type {number} */ value) => ({
      text: format.number(name, value),
      removeClasses: "up down",
      addClasses: value > 0 ? "up" : value < 0 ? "down" : "",
    });
  }
  return (/** @type {any} */ _r, /** @type {any} */ _c, /** @type {number} */ value) => format.number(name, value);
}
