// @ts-check
// The market as tiles: a sector a field, a symbol a tile, coloured by any column, limited to a screen.

import { columns, getTable, loadColumns } from "./api.js";
import * as address from "./address.js";
import { choice, colours, fill, h, input } from "./dom.js";
import * as format from "./format.js";
import { hierarchy, treemap, treemapSquarify } from "./vendor/d3-hierarchy.js";
import { WhereLine } from "./where.js";

const SIZES = /** @type {[string, string][]} */ ([
  ["dollar_volume_20", "dollars traded"],
  ["market_cap", "market value"],
  ["", "all alike"],
]);
const USUAL = "ret_1";

export class MapPage {
  /** @param {HTMLElement} root */
  constructor(root) {
    this.where = new WhereLine((where) => (where === address.get("where") ? this.load() : address.set({ where })));
    this.tools = h("div.tools");
    this.said = h("span", { role: "status" });
    this.canvas = /** @type {HTMLCanvasElement} */ (
      h("canvas", { tabindex: "0", role: "img", "aria-label": "Map of the market" })
    );
    this.place = h("div.treemap", {}, this.canvas);
    this.field = input("input", {
      type: "text",
      list: "map-columns",
      "aria-label": "Column of the colour",
      size: 18,
      onchange: () => address.set({ colour: this.field.value.trim() }),
    });
    this.names = h("datalist", { id: "map-columns" });
    this.scale = h("span");
    fill(root, this.where.root, this.tools, this.place);
    this.asked = "";
    /** @type {any[]} */
    this.leaves = [];
    this.at = -1;
    this.canvas.addEventListener("mousemove", (event) => this.point(this.find(event)));
    this.canvas.addEventListener("mouseleave", () => this.point(-1));
    this.canvas.addEventListener("click", (event) => this.open(this.find(event)));
    this.canvas.addEventListener("keydown", (event) => {
      const step = /** @type {Record<string, number>} */ ({
        ArrowRight: 1,
        ArrowDown: 1,
        ArrowLeft: -1,
        ArrowUp: -1,
      })[event.key];
      if (step) this.point((this.at + step + this.leaves.length) % this.leaves.length);
      else if (event.key === "Enter") this.open(this.at);
      else return;
      event.preventDefault();
    });
    this.resize = new ResizeObserver(() => this.arrange());
    this.resize.observe(this.place);
    this.repaint = () => this.paint();
    addEventListener("tapescan:theme", this.repaint);
    this.update();
  }

  get by() {
    return address.get("colour") || USUAL;
  }

  get size() {
    return address.params().has("size") ? address.get("size") : "dollar_volume_20";
  }

  async update() {
    await loadColumns();
    if (document.activeElement !== this.where.field) this.where.text = address.get("where");
    if (document.activeElement !== this.field) this.field.value = this.by;
    if (!this.names.firstChild) {
      fill(
        this.names,
        [...columns.values()].filter((one) => one.type !== "String").map((one) => h("option", { value: one.name })),
      );
    }
    fill(
      this.tools,
      h("label.pair", {}, "colour ", this.field, this.names),
      h(
        "label.pair",
        {},
        "size ",
        choice("Size", SIZES, this.size, (size) => address.set({ size: size || "alike" })),
      ),
      this.scale,
      this.said,
    );
    const asked = JSON.stringify([
      address.get("where"),
      address.get("profile"),
      address.get("as_of"),
      address.get("screens"),
      this.by,
      this.size,
    ]);
    if (asked === this.asked) return;
    this.asked = asked;
    await this.load();
  }

  async load() {
    const { asked } = this;
    const measures = [...new Set([this.by, this.size])].filter((one) => columns.has(one));
    const query = {
      profile: address.get("profile"),
      screens: address.list("screens"),
      where: address.get("where"),
      as_of: address.get("as_of"),
      features: [this.by, this.size].filter((one) => one && one !== "alike" && !columns.get(one)?.always),
      columns: [...new Set(["symbol", "name", "sector", ...measures, ...(columns.has(this.by) ? [] : [this.by])])],
      top: 20000,
    };
    try {
      const found = await getTable("/scan", query);
      if (asked !== this.asked) return;
      this.where.say(null);
      this.table = found;
      this.arrange();
    } catch (error) {
      if (asked === this.asked) this.where.say(/** @type {Error} */ (error));
    }
  }

  /** Give every tile its place. */
  arrange() {
    const { table } = this;
    const [width, height] = [this.place.clientWidth, this.place.clientHeight];
    if (!table || !width || !height) return;
    const sizes = table.columns[this.size];
    /** @type {Map<string, any[]>} */
    const sectors = new Map();
    for (let at = 0; at < table.size; at++) {
      const size = sizes ? sizes[at] : 1;
      if (!(size > 0)) continue;
      const sector = table.columns.sector[at] || "no sector";
      if (!sectors.has(sector)) sectors.set(sector, []);
      sectors.get(sector)?.push({ at, size });
    }
    const root = hierarchy({ children: [...sectors].map(([name, children]) => ({ name, children })) })
      .sum((/** @type {any} */ one) => one.size ?? 0)
      .sort((/** @type {any} */ a, /** @type {any} */ b) => b.value - a.value);
    treemap()
      .tile(treemapSquarify)
      .size([width, height])
      .round(true)
      .paddingInner(1)
      .paddingOuter((/** @type {any} */ one) => (one.depth === 1 ? 1 : 0))
      .paddingTop((/** @type {any} */ one) => (one.depth === 1 ? 18 : 0))(root);
    this.fields = root.children ?? [];
    this.leaves = root.leaves().filter((/** @type {any} */ one) => one.data.at !== undefined);
    this.at = -1;
    this.paint();
    this.point(-1);
  }

  paint() {
    const { table } = this;
    if (!table) return;
    const ratio = devicePixelRatio || 1;
    this.canvas.width = this.place.clientWidth * ratio;
    this.canvas.height = this.place.clientHeight * ratio;
    const pen = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d"));
    pen.scale(ratio, ratio);
    const [text, muted] = colours("text", "muted");
    const font = getComputedStyle(document.body).fontFamily;
    const values = table.columns[this.by];
    const shade = shades(this.by, values, document.documentElement.dataset.theme === "dark");
    for (const one of this.fields ?? []) {
      pen.fillStyle = muted;
      pen.font = `600 11px ${font}`;
      fits(pen, one.data.name, one.x0 + 4, one.y0 + 13, one.x1 - one.x0 - 8);
    }
    for (const one of this.leaves) {
      const [width, height] = [one.x1 - one.x0, one.y1 - one.y0];
      if (width < 1 || height < 1) continue;
      const value = values?.[one.data.at];
      pen.fillStyle = shade.of(value);
      pen.fillRect(one.x0, one.y0, width, height);
      if (width <= 34 || height <= 15) continue;
      pen.fillStyle = text;
      pen.font = `600 11px ${font}`;
      if (!fits(pen, table.columns.symbol[one.data.at], one.x0 + 4, one.y0 + 13, width - 6)) continue;
      pen.font = `11px ${font}`;
      if (height > 30) fits(pen, format.text(this.by, value), one.x0 + 4, one.y0 + 26, width - 6);
    }
    fill(
      this.scale,
      h("span.muted", {}, shade.low, " "),
      h("span.scale", { style: { background: shade.css } }),
      h("span.muted", {}, " ", shade.high),
    );
    this.canvas.dataset.tiles = String(this.leaves.length);
    this.canvas.setAttribute(
      "aria-label",
      `Map of ${this.leaves.length} symbols in ${this.fields?.length ?? 0} sectors, coloured by ${this.by}`,
    );
  }

  /** @param {MouseEvent} event */
  find(event) {
    const { offsetX: x, offsetY: y } = event;
    return this.leaves.findIndex((one) => x >= one.x0 && x < one.x1 && y >= one.y0 && y < one.y1);
  }

  /** Say which tile it is. @param {number} at -1 for none */
  point(at) {
    this.at = at;
    const one = this.leaves[at];
    const table = this.table;
    if (!one || !table) {
      fill(this.said, h("span.muted", {}, `${format.fixed(this.leaves.length, 0)} symbols`));
      return;
    }
    const row = one.data.at;
    fill(
      this.said,
      h("b", {}, table.columns.symbol[row]),
      ` ${table.columns.name[row] ?? ""} `,
      h("b", {}, format.text(this.by, table.columns[this.by]?.[row])),
    );
  }

  /** @param {number} at */
  open(at) {
    const one = this.leaves[at];
    if (one && this.table)
      address.go("/symbol", {
        ...address.forward({ where: address.get("where") }),
        symbol: this.table.columns.symbol[one.data.at],
      });
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.key === "/") this.where.field.focus();
    else return false;
    return true;
  }

  dispose() {
    this.resize.disconnect();
    removeEventListener("tapescan:theme", this.repaint);
  }
}

/** Writes what has room as a whole, for a part of a number would be another one; whether it had.
 * @param {CanvasRenderingContext2D} pen @param {string} text @param {number} x @param {number} y
 * @param {number} room */
function fits(pen, text, x, y, room) {
  const has = pen.measureText(text).width <= room;
  if (has) pen.fillText(text, x, y);
  return has;
}

/** From what is down to what is up, or from little to much; the ends are where one in twenty lies beyond.
 * @param {string} name @param {any} values @param {boolean} dark */
function shades(name, values, dark) {
  const known = values instanceof Float64Array ? values.filter(Number.isFinite).sort() : new Float64Array(0);
  const [few, many] = [known[Math.floor(known.length * 0.05)] ?? 0, known[Math.floor(known.length * 0.95)] ?? 1];
  const signed = format.isSigned(name) || (few < 0 && many > 0);
  const most = Math.max(Math.abs(few), Math.abs(many)) || 1;
  const [low, high] = signed ? [-most, most] : [few, many];
  const middle = dark ? [38, 44, 53] : [228, 231, 235];
  const ends = dark
    ? [
        [150, 58, 52],
        [28, 120, 84],
      ]
    : [
        [236, 140, 130],
        [106, 190, 150],
      ];
  const little = dark ? [32, 40, 52] : [232, 238, 247];
  const much = dark ? [44, 96, 170] : [120, 168, 230];
  const mix = (/** @type {number[]} */ a, /** @type {number[]} */ b, /** @type {number} */ part) =>
    `rgb(${a.map((one, at) => Math.round(one + (b[at] - one) * part)).join(",")})`;
  const at = (/** @type {number} */ part) =>
    signed ? (part < 0 ? mix(middle, ends[0], -part) : mix(middle, ends[1], part)) : mix(little, much, part);
  return {
    low: format.number(name, low),
    high: format.number(name, high),
    css: `linear-gradient(90deg, ${signed ? `${at(-1)}, ${at(0)}, ${at(1)}` : `${at(0)}, ${at(1)}`})`,
    of: (/** @type {number} */ value) => {
      if (!Number.isFinite(value)) return dark ? "#20242b" : "#eef0f2";
      return signed
        ? at(Math.max(-1, Math.min(1, value / most)))
        : at(Math.max(0, Math.min(1, (value - low) / (high - low || 1))));
    },
  };
}
