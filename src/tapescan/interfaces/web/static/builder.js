// @ts-check
// A builder that writes SQL: a histogram with two handles for a column of numbers, a choice for one of words. What it
// writes stands in the condition's line; it holds nothing that the line does not say.

import { columns, getTable, loadColumns } from "./api.js";
import * as address from "./address.js";
import { calmly, fill, h, input, s } from "./dom.js";
import * as format from "./format.js";

const BINS = 48;
const STEPS = 400;
const NUMBER = "-?\\d+(?:\\.\\d+)?(?:e-?\\d+)?";
/** Those that the builder begins with. */
const FIRST = ["rsi_14", "ret_21", "sector"];

export class Builder {
  /** @param {import("./where.js").WhereLine} line */
  constructor(line) {
    this.line = line;
    this.cards = h("div.cards");
    this.adding = input("input", {
      type: "text",
      list: "column-names",
      placeholder: "add a column",
      "aria-label": "Add a column to the builder",
      onchange: () => this.add(this.adding.value),
    });
    this.names = h("datalist", { id: "column-names" });
    this.root = h(
      "section.builder",
      { "aria-label": "Builder", hidden: true },
      this.cards,
      h("div.add", {}, this.adding, this.names),
    );
    /** @type {Map<string, HTMLElement>} */
    this.shown = new Map();
    this.known = "";
  }

  async update() {
    this.root.hidden = address.get("build") !== "1";
    if (this.root.hidden) return;
    await loadColumns();
    if (!this.names.firstChild)
      fill(
        this.names,
        [...columns.keys()].map((value) => h("option", { value })),
      );
    // Who wrote in the line since then meant it: the handles go where it says.
    if (this.line.text !== this.known) this.shown.clear();
    this.known = this.line.text;
    const wanted = address.get("by") ? address.list("by") : FIRST;
    for (const name of wanted) if (!this.shown.has(name)) this.shown.set(name, card(name, this));
    fill(
      this.cards,
      wanted.map((name) => this.shown.get(name)),
    );
  }

  /** @param {string} name */
  add(name) {
    this.adding.value = "";
    if (!columns.has(name)) return;
    const now = address.get("by") ? address.list("by") : FIRST;
    address.set({ by: [...new Set([...now, name])].join(",") }, true);
  }

  /** @param {string} name */
  remove(name) {
    const now = address.get("by") ? address.list("by") : FIRST;
    this.write(name, "");
    address.set({ by: now.filter((one) => one !== name).join(",") }, true);
  }

  /** Write a part of the condition in the place of the one that stands for a column. @param {string} name
   * @param {string} part empty for none */
  write(name, part) {
    const text = this.line.text;
    const found = own(name).exec(text);
    let next;
    if (found)
      next =
        text.slice(0, found.index) +
        (part ? (found[1] ?? "") + part : "") +
        text.slice(found.index + found[0].length);
    else
      next =
        text.trim() && part
          ? `${/\bOR\b/i.test(text) && !/^\(.*\)$/.test(text.trim()) ? `(${text.trim()})` : text.trim()} AND ${part}`
          : text + part;
    next = next.replace(/^\s*AND\s+/i, "").trim();
    if (next === text.trim()) return;
    this.line.text = this.known = next;
    this.line.commit();
  }
}

/** What the builder wrote of a column. @param {string} name */
function own(name) {
  const value = `(?:${NUMBER}|'(?:[^']|'')*')`;
  return new RegExp(
    `(\\s+AND\\s+|^)${name} (?:BETWEEN ${NUMBER} AND ${NUMBER}|>= ${NUMBER}|<= ${NUMBER}|` +
      `IN \\(${value}(?:, ${value})*\\)|= ${value})`,
    "i",
  );
}

/** @param {string} name @param {Builder} builder */
function card(name, builder) {
  const about = columns.get(name);
  const body = h("div.body", {}, h("span.muted", {}, "reading\u2026"));
  const found = h(
    "div.card",
    {},
    h(
      "div.title",
      {},
      h("code", {}, name),
      h("span.muted", {}, about?.title ?? ""),
      h("button.quiet", { "aria-label": `Remove ${name}`, onclick: () => builder.remove(name) }, "\u00d7"),
    ),
    body,
  );
  const query = {
    profile: address.get("profile"),
    as_of: address.get("as_of"),
    top: 20000,
    columns: [name],
    features: about?.always ? undefined : [name],
  };
  getTable("/scan", query)
    .then((table) => {
      if (table.types[name] === "number") fill(body, slider(name, table.columns[name], builder));
      else fill(body, words(name, [...table.columns[name]], builder));
    })
    .catch((error) => fill(body, h("span.error", {}, error.message)));
  return found;
}

/** @param {string} name @param {any} values @param {Builder} builder */
function slider(name, values, builder) {
  const known = Float64Array.from(values).filter(Number.isFinite).sort();
  if (!known.length) return h("span.muted", {}, "nobody has a value");
  // The middle 99 % get the room: a few far values would press all others into one bar.
  const low = known[Math.floor(known.length * 0.005)];
  const high = known[Math.ceil(known.length * 0.995) - 1];
  const span = high - low || 1;
  const counts = new Array(BINS).fill(0);
  for (const one of known)
    if (one >= low && one <= high) counts[Math.min(Math.floor(((one - low) / span) * BINS), BINS - 1)] += 1;
  const most = Math.max(...counts);
  const bars = counts.map((count, at) =>
    s("rect", { x: at, y: 30 - (30 * count) / most, width: 0.86, height: (30 * count) / most }),
  );
  const picture = s(
    "svg",
    { viewBox: `0 0 ${BINS} 30`, preserveAspectRatio: "none", "aria-hidden": "true" },
    ...bars,
  );
  const said = h("output", { class: "range" });
  const ends = ["lowest", "highest"].map((word, at) =>
    input("input", {
      type: "range",
      min: 0,
      max: STEPS,
      value: at * STEPS,
      "aria-label": `${name}: ${word}`,
      oninput: () => moved(),
    }),
  );
  const at = (/** @type {number} */ step) => low + (span * step) / STEPS;
  const write = calmly(() => {
    const [a, b] = ends.map((one) => Number(one.value));
    const [from, to] = [tidy(at(a), span), tidy(at(b), span)];
    const part =
      a > 0 && b < STEPS
        ? `${name} BETWEEN ${from} AND ${to}`
        : a > 0
          ? `${name} >= ${from}`
          : b < STEPS
            ? `${name} <= ${to}`
            : "";
    builder.write(name, part);
  }, 180);
  function draw() {
    const [a, b] = ends.map((one) => Number(one.value));
    bars.forEach((bar, bin) =>
      bar.setAttribute("class", (bin + 1) * (STEPS / BINS) > a && bin * (STEPS / BINS) < b ? "in" : "out"),
    );
    ends.forEach((one, end) => one.setAttribute("aria-valuetext", format.number(name, at(end ? b : a))));
    fill(said, `${format.number(name, at(a))} to ${format.number(name, at(b))}`);
  }
  function moved() {
    if (Number(ends[0].value) > Number(ends[1].value)) ends[0].value = ends[1].value;
    draw();
    write();
  }
  const before = own(name).exec(builder.line.text)?.[0];
  const numbers = before
    ? [...before.slice(before.toLowerCase().indexOf(name) + name.length).matchAll(new RegExp(NUMBER, "gi"))].map(
        (one) => Number(one[0]),
      )
    : [];
  const step = (/** @type {number} */ value) => String(Math.round(((value - low) / span) * STEPS));
  if (before && / BETWEEN /i.test(before)) [ends[0].value, ends[1].value] = [step(numbers[0]), step(numbers[1])];
  else if (before && before.includes(">=")) ends[0].value = step(numbers[0]);
  else if (before && before.includes("<=")) ends[1].value = step(numbers[0]);
  draw();
  return h("div.slider", {}, picture, h("div.handles", {}, ...ends), said);
}

/** As few digits as the handle can tell. @param {number} value @param {number} span */
function tidy(value, span) {
  const digits = Math.max(0, Math.ceil(-Math.log10(span / STEPS)));
  return String(Number(value.toFixed(Math.min(digits, 12))));
}

/** @param {string} name @param {any[]} values @param {Builder} builder */
function words(name, values, builder) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const one of values) if (one) counts.set(one, (counts.get(one) ?? 0) + 1);
  const some = [...counts].sort((a, b) => b[1] - a[1]).slice(0, 24);
  const before = own(name).exec(builder.line.text)?.[0] ?? "";
  const boxes = some.map(([text, count]) => {
    const box = input("input", {
      type: "checkbox",
      value: text,
      checked: before.includes(quoted(text)),
      onchange: () => {
        const chosen = boxes
          .map((one) => one.box)
          .filter((one) => one.checked)
          .map((one) => quoted(one.value));
        builder.write(
          name,
          !chosen.length ? "" : chosen.length === 1 ? `${name} = ${chosen[0]}` : `${name} IN (${chosen.join(", ")})`,
        );
      },
    });
    return { box, label: h("label", {}, box, h("span", {}, text), h("span.muted", {}, String(count))) };
  });
  return h(
    "div.words",
    {},
    boxes.map((one) => one.label),
  );
}

/** @param {string} text */
const quoted = (text) => `'${text.replaceAll("'", "''")}'`;
