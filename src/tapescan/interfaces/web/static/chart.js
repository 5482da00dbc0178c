// @ts-check
// Charts: a symbol's bars with columns beside them, and lines through time. What they draw is what was sent.

import { columns } from "./api.js";
import { colours, fill, h } from "./dom.js";
import * as format from "./format.js";
import {
  CandlestickSeries,
  ColorType,
  createChart,
  CrosshairMode,
  HistogramSeries,
  LineSeries,
  LineStyle,
  TickMarkType,
} from "./vendor/lightweight-charts.js";

const COLOURS = ["series-1", "series-2", "series-3", "series-4", "series-5", "series-6"];

/** Bars for which there is room behind the newest: the plan's levels have their names there. */
const ROOM = 14;
const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

/** A session as it was given, or as the chart keeps it. @param {any} time */
function sessionOf(time) {
  if (typeof time === "string") return time;
  return `${time.year}-${String(time.month).padStart(2, "0")}-${String(time.day).padStart(2, "0")}`;
}

/** A year, a month or a day under the chart; the browser's own formats take long to be ready, once a page.
 * @param {any} time @param {number} kind */
function tick(time, kind) {
  const [year, month, day] = sessionOf(time).split("-");
  if (kind === TickMarkType.Year) return year;
  return kind === TickMarkType.Month ? MONTHS[Number(month) - 1] : String(Number(day));
}

/** @param {HTMLElement} place @param {Record<string, any>} [more] */
function made(place, more = {}) {
  const [text, line, grid, paper] = colours("muted", "line", "grid", "panel");
  return createChart(place, {
    autoSize: true,
    layout: {
      background: { type: ColorType.Solid, color: paper },
      textColor: text,
      fontSize: 11,
      fontFamily: getComputedStyle(document.body).fontFamily,
      attributionLogo: false, // its style is inline; the foot of each page has the notice and the link instead
      panes: { separatorColor: line, enableResize: false },
    },
    grid: { vertLines: { color: grid }, horzLines: { color: grid } },
    // As wide as most prices need: an axis that changes with each symbol has all of the chart laid out anew.
    rightPriceScale: { borderColor: line, minimumWidth: 64 },
    timeScale: { borderColor: line, rightOffset: ROOM, tickMarkFormatter: tick },
    localization: { timeFormatter: sessionOf },
    crosshair: { mode: CrosshairMode.Normal },
    handleScale: { axisPressedMouseMove: { time: true, price: false } },
    ...more,
  });
}

/** @typedef {{session: string, open: number, high: number, low: number, close: number, volume: number|null}} Bar */

export class BarChart {
  /** @param {HTMLElement} place @param {(values: Record<string, any>|null) => void} seen what the pointer is on */
  constructor(place, seen) {
    this.place = place;
    this.seen = seen;
    this.chart = made(place);
    /** @type {Map<string, any>} */
    this.lines = new Map();
    /** @type {any[]} */
    this.levels = [];
    /** @type {Map<string, any>} */
    this.rows = new Map();
    this.symbol = "";
    this.planned = "";
    this.named = "";
    this.build();
    this.chart.subscribeCrosshairMove((/** @type {any} */ at) => this.seen(at.time ? this.rows.get(at.time) : null));
  }

  build() {
    const [up, down, volume] = colours("up", "down", "volume");
    this.bars = this.chart.addSeries(CandlestickSeries, {
      upColor: up,
      downColor: down,
      borderVisible: false,
      wickUpColor: up,
      wickDownColor: down,
      priceLineVisible: false,
      lastValueVisible: true,
    });
    this.volume = this.chart.addSeries(HistogramSeries, {
      priceScaleId: "volume",
      color: volume,
      priceFormat: { type: "volume" },
      priceLineVisible: false,
      lastValueVisible: false,
    });
    this.chart.priceScale("volume").applyOptions({ scaleMargins: { top: 0.82, bottom: 0 } });
    this.chart.priceScale("right").applyOptions({ scaleMargins: { top: 0.06, bottom: 0.2 } });
  }

  /**
   * @param {string} symbol @param {Record<string, any>[]} rows of /bars @param {string[]} names its further columns
   * @param {{entry?: number|null, stop?: number|null, target?: number|null}} levels of the plan
   */
  show(symbol, rows, names, levels) {
    const whole = rows.filter((one) => one.close !== null && one.open !== null);
    this.rows = new Map(rows.map((one) => [one.session, one]));
    const small = whole.length && whole[whole.length - 1].close < 1;
    this.bars.applyOptions({
      priceFormat: { type: "price", precision: small ? 4 : 2, minMove: small ? 1e-4 : 0.01 },
    });
    this.bars.setData(
      whole.map((one) => ({ time: one.session, open: one.open, high: one.high, low: one.low, close: one.close })),
    );
    this.volume.setData(whole.map((one) => ({ time: one.session, value: one.volume ?? 0 })));
    this.showLines(rows, names);
    this.showLevels(levels);
    if (symbol !== this.symbol) {
      this.symbol = symbol;
      const all = whole.length;
      this.chart.timeScale().setVisibleLogicalRange({ from: Math.max(all - 130, 0), to: all + ROOM });
    }
    this.seen(null);
  }

  /** @param {Record<string, any>[]} rows @param {string[]} names */
  showLines(rows, names) {
    if (this.named !== names.join(" ")) this.arrange(names);
    this.named = names.join(" ");
    for (const name of names) {
      this.lines
        .get(name)
        .setData(
          rows.map((one) => (one[name] === null ? { time: one.session } : { time: one.session, value: one[name] })),
        );
    }
  }

  /** A line for each of these columns, and no other. @param {string[]} names */
  arrange(names) {
    for (const [name, line] of this.lines) {
      if (names.includes(name)) continue;
      this.chart.removeSeries(line);
      this.lines.delete(name);
    }
    /** @type {string[]} */
    const panes = []; // the first is of prices; columns of one unit and kind share one
    const shades = colours(...COLOURS);
    names.forEach((name, at) => {
      const about = columns.get(name);
      const group = about?.unit === "price" && !/^(macd|atr|mom)/.test(name) ? "" : `${about?.unit} ${about?.group}`;
      if (group && !panes.includes(group)) panes.push(group);
      const pane = group ? panes.indexOf(group) + 1 : 0;
      const options = {
        color: shades[at % shades.length],
        lineWidth: 1,
        priceLineVisible: false,
        lastValueVisible: pane > 0,
        crosshairMarkerVisible: false,
        priceFormat: {
          type: "custom",
          formatter: (/** @type {number} */ one) => format.number(name, one),
          minMove: 1e-6,
        },
      };
      let line = this.lines.get(name);
      if (!line) {
        line = this.chart.addSeries(LineSeries, options, pane);
        this.lines.set(name, line);
      } else {
        line.applyOptions(options);
        line.moveToPane(pane);
      }
    });
    this.chart.panes().forEach((/** @type {any} */ pane, /** @type {number} */ at) => {
      pane.setStretchFactor(at === 0 ? 3 : 1);
    });
  }

  /** @param {{entry?: number|null, stop?: number|null, target?: number|null}} levels */
  showLevels(levels) {
    const now = [levels.entry, levels.stop, levels.target].join(" ");
    if (now === this.planned) return;
    this.planned = now;
    for (const one of this.levels) this.bars.removePriceLine(one);
    const [entry, stop, target] = colours("accent", "down", "up");
    this.levels = [
      ["entry", levels.entry, entry],
      ["stop", levels.stop, stop],
      ["target", levels.target, target],
    ]
      .filter(([, price]) => typeof price === "number" && Number.isFinite(price))
      .map(([title, price, color]) =>
        this.bars.createPriceLine({
          price,
          color,
          title,
          lineWidth: 1,
          lineStyle: LineStyle.Dashed,
          axisLabelVisible: true,
        }),
      );
  }

  dispose() {
    this.chart.remove();
  }
}

/**
 * Lines of one pane or more through time.
 * @typedef {{name: string, label: string, pane: number, kind: "line"|"bars", show: (value: number) => string,
 *   values: (number|null)[], colour?: string, invert?: boolean}} Line invert : the lowest is at the top
 */

/**
 * @param {HTMLElement} place @param {string[]} days @param {Line[]} lines
 * @param {{clicked?: (day: string) => void, seen?: (day: string|null, values: (number|null)[]) => void}} told
 */
export function lineChart(place, days, lines, told = {}) {
  const scale = { minimumWidth: 64, borderVisible: false };
  const turned = { ...scale, visible: lines.some((one) => one.invert), invertScale: true };
  const chart = made(place, { rightPriceScale: scale, leftPriceScale: turned });
  const shades = colours(...COLOURS);
  lines.forEach((one, at) => {
    const [own] = one.colour ? colours(one.colour) : [shades[at % shades.length]];
    const series = chart.addSeries(
      one.kind === "bars" ? HistogramSeries : LineSeries,
      {
        color: own,
        lineWidth: one.pane ? 1 : 2,
        priceLineVisible: false,
        crosshairMarkerVisible: false,
        priceFormat: { type: "custom", formatter: one.show, minMove: 1e-6 },
        // The scales of one side are turned in all panes at once.
        priceScaleId: one.invert ? "left" : "right",
      },
      one.pane,
    );
    series.setData(days.map((time, row) => (one.values[row] === null ? { time } : { time, value: one.values[row] })));
  });
  // The first pane is the largest, but what is below it is read too.
  chart
    .panes()
    .forEach((/** @type {any} */ pane, /** @type {number} */ at) => pane.setStretchFactor(at === 0 ? 5 : 4));
  const places = new Map(days.map((day, row) => [day, row]));
  chart.subscribeCrosshairMove((/** @type {any} */ at) => {
    const row = at.time ? places.get(at.time) : undefined;
    const known = row === undefined ? days.length - 1 : row;
    told.seen?.(
      row === undefined ? null : at.time,
      lines.map((one) => one.values[known] ?? null),
    );
  });
  chart.subscribeClick((/** @type {any} */ at) => at.time && told.clicked?.(at.time));
  chart.timeScale().fitContent();
  told.seen?.(
    null,
    lines.map((one) => one.values[days.length - 1] ?? null),
  );
  return { chart, dispose: () => chart.remove() };
}

/**
 * Writes a day's values into a legend, the newest day's where none is pointed at.
 * @param {Element} place @param {string[]} days @param {any[]} lines as of `lineChart`
 * @returns {(day: string|null, values: (number|null)[]) => void}
 */
export function legendIn(place, days, lines) {
  return (day, values) =>
    fill(
      place,
      h("span.muted", {}, day ?? days[days.length - 1]),
      lines.map((line, at) =>
        h(
          "span.key",
          { style: { "--shade": `var(--${line.colour})` } },
          `${line.label} `,
          h("b", {}, values[at] === null ? "\u2013" : line.show(values[at])),
        ),
      ),
    );
}
