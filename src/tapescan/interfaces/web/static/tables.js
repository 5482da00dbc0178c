// @ts-check
// Plain tables and small pictures of what is not a scan.

import { h, s } from "./dom.js";
import * as format from "./format.js";

/**
 * @param {any[]} rows @param {string[]} [names] all of the first row's when there are none
 * @param {{show?: Record<string, (value: any, row: any) => any>, label?: string, most?: number}} [more]
 */
export function table(rows, names, more = {}) {
  const shown = names ?? Object.keys(rows[0] ?? {});
  const numeric = new Set(shown.filter((name) => rows.some((row) => typeof row[name] === "number")));
  const most = more.most ?? 500;
  return h(
    "div.scroll",
    { tabindex: "0", role: "region", "aria-label": more.label ?? "Table" },
    h(
      "table.table",
      {},
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          shown.map((name) => h(`th${numeric.has(name) ? ".number" : ""}`, { scope: "col" }, format.words(name))),
        ),
      ),
      h(
        "tbody",
        {},
        rows.slice(0, most).map((row) =>
          h(
            "tr",
            {},
            shown.map((name) =>
              h(
                `td${numeric.has(name) ? ".number" : ""}`,
                {},
                more.show?.[name] ? more.show[name](row[name], row) : format.text(name, row[name]),
              ),
            ),
          ),
        ),
      ),
    ),
    rows.length > most ? h("p.muted", {}, `${format.fixed(rows.length - most, 0)} more rows`) : null,
  );
}

/** @param {string} name @param {any} value @param {{about?: string, more?: any}} [given] */
export function tile(name, value, given = {}) {
  return h(
    "div.tile",
    { title: given.about ?? "" },
    h("span.muted", {}, name),
    h("b", {}, value),
    given.more ?? null,
  );
}

/**
 * Lines or points over numbers.
 * @param {{name: string, points: [number, number][], shade: string, dots?: boolean}[]} lines
 * @param {{label: string, x: (value: number) => string, y: (value: number) => string, mark?: number}} said
 */
export function picture(lines, said) {
  const [width, height, left, bottom] = [520, 220, 46, 20];
  const points = lines.flatMap((line) => line.points).filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y));
  if (points.length < 2) return h("p.muted", {}, "too few values for a picture");
  const xs = points.map(([x]) => x);
  const ys = points.map(([, y]) => y);
  const [x0, x1, y0, y1] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const px = (/** @type {number} */ x) => left + ((x - x0) / (x1 - x0 || 1)) * (width - left - 8);
  const py = (/** @type {number} */ y) => height - bottom - 6 - ((y - y0) / (y1 - y0 || 1)) * (height - bottom - 16);
  const steps = [0, 0.25, 0.5, 0.75, 1];
  return s(
    "svg",
    { class: "picture", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": said.label },
    ...steps
      .map((part) => y0 + part * (y1 - y0))
      .flatMap((y) => [
        s("line", { class: "axis", x1: left, x2: width - 8, y1: py(y), y2: py(y) }),
        s("text", { x: left - 6, y: py(y) + 4, "text-anchor": "end" }, said.y(y)),
      ]),
    ...steps
      .map((part) => x0 + part * (x1 - x0))
      .map((x, at) =>
        s(
          "text",
          { x: px(x), y: height - 4, "text-anchor": at === 0 ? "start" : at === 4 ? "end" : "middle" },
          said.x(x),
        ),
      ),
    said.mark !== undefined && said.mark >= x0 && said.mark <= x1
      ? s("line", {
          class: "axis",
          x1: px(said.mark),
          x2: px(said.mark),
          y1: 6,
          y2: height - bottom,
          "stroke-dasharray": "3 3",
        })
      : "",
    ...lines.flatMap((line) =>
      line.dots
        ? line.points.map(([x, y]) => s("circle", { cx: px(x), cy: py(y), r: 2, fill: `var(--${line.shade})` }))
        : [
            s("polyline", {
              class: "line",
              stroke: `var(--${line.shade})`,
              points: line.points.map(([x, y]) => `${px(x).toFixed(1)},${py(y).toFixed(1)}`).join(" "),
            }),
          ],
    ),
  );
}

/** Names of lines, with their colours. @param {[string, string][]} some name and shade */
export function keys(some) {
  return h(
    "div.legend",
    {},
    some.map(([name, shade]) => h("span.key", { style: { "--shade": `var(--${shade})` } }, name)),
  );
}
