// @ts-check
// The line in which a screen's condition is written: completion, and what is wrong with it under it.

import { columns, loadColumns, once } from "./api.js";
import { fill, h } from "./dom.js";
import { still } from "./files.js";

/** @typedef {{name: string, form: string, about: string, kind: string, title: string}} Known */

const WORD = /[A-Za-z_][A-Za-z0-9_.]*$/;
const MOST = 12;
const KEYWORDS = ["AND", "OR", "NOT", "BETWEEN", "IN", "LIKE", "IS NULL", "IS NOT NULL", "CASE", "WHEN"];

/** @type {Known[]} */
let known = [];

async function loadKnown() {
  if (known.length) return;
  const [, functions] = await Promise.all([loadColumns(), once("/functions")]);
  const words = KEYWORDS.map((name) => ({ name, form: name, about: "", kind: "word", title: "" }));
  known = [
    ...[...columns.values()].map((one) => ({
      name: one.name,
      form: one.name,
      about: one.meaning || one.title,
      title: one.title,
      kind: one.unit || one.group,
    })),
    ...functions.functions.map((/** @type {any} */ one) => ({
      name: one.name === "back" ? "x[k]" : one.name,
      form: one.form,
      about: one.meaning,
      title: "",
      kind: "function",
    })),
    ...words,
  ];
}

/** What a word may be meant to become, the best first. @param {string} word @returns {Known[]} */
export function completions(word) {
  const small = word.toLowerCase();
  /** @type {[number, Known][]} */
  const found = [];
  for (const one of known) {
    const name = one.name.toLowerCase();
    let score = -1;
    if (name.startsWith(small)) score = name.length;
    else if (name.includes(`_${small}`)) score = 100 + name.length;
    else if (small.length > 2 && one.title.toLowerCase().includes(small)) score = 200 + name.length;
    else if (small.length > 2 && name.includes(small)) score = 300 + name.length;
    if (score >= 0 && one.name !== word) found.push([score, one]);
  }
  return found
    .sort((a, b) => a[0] - b[0])
    .slice(0, MOST)
    .map(([, one]) => one);
}

export class WhereLine {
  /** @param {(text: string) => void} run a condition that is asked for */
  constructor(run) {
    this.run = run;
    this.list = h("ul.completions", {
      role: "listbox",
      id: "completions",
      "aria-label": "Completions",
      hidden: true,
    });
    this.field = /** @type {HTMLTextAreaElement} */ (
      h("textarea", {
        id: "where",
        rows: 1,
        spellcheck: "false",
        autocomplete: "off",
        autocapitalize: "off",
        role: "combobox",
        placeholder:
          innerWidth > 640
            ? "a condition, as close > sma_200 AND rsi_2 < 10  (press / to come here)"
            : "as rsi_2 < 10",
        "aria-label": "Condition",
        "aria-controls": "completions",
        "aria-expanded": "false",
        "aria-autocomplete": "list",
        "aria-describedby": "where-error",
        oninput: () => this.complete(),
        onkeydown: (/** @type {KeyboardEvent} */ event) => this.key(event),
        onblur: () => setTimeout(() => this.close(), 120),
        onfocus: () => loadKnown().catch(() => {}),
      })
    );
    this.error = h("div.error", { id: "where-error", role: "status", "aria-live": "polite" });
    // Files answer no condition, but what they lack is said here too.
    const hidden = still;
    this.button = h("button.primary", { hidden, onclick: () => this.commit() }, "Scan");
    this.root = h(
      "div.where",
      {},
      h("label.sign", { for: "where", hidden }, "where"),
      h("div.field", { hidden }, this.field, this.list),
      this.button,
      this.error,
    );
    /** @type {Known[]} */
    this.found = [];
    this.at = -1;
  }

  get text() {
    return this.field.value;
  }

  set text(value) {
    if (this.field.value === value) return; // to measure it has the browser lay out the page
    this.field.value = value;
    this.grow();
  }

  grow() {
    this.field.style.height = "auto";
    this.field.style.height = `${Math.min(this.field.scrollHeight, 140) + 2}px`;
  }

  commit() {
    this.close();
    this.run(this.field.value.trim());
  }

  /** The word before the caret, and where it begins. */
  word() {
    const before = this.field.value.slice(0, this.field.selectionStart);
    // Within quotes stands a value, not a name.
    if ((before.split("'").length - 1) % 2) return { text: "", start: before.length };
    const found = WORD.exec(before);
    return { text: found ? found[0] : "", start: before.length - (found ? found[0].length : 0) };
  }

  async complete() {
    this.grow();
    this.say(null);
    await loadKnown().catch(() => {});
    const { text } = this.word();
    this.found = text.length > 0 ? completions(text) : [];
    this.at = -1;
    this.draw();
  }

  draw() {
    const open = this.found.length > 0;
    this.list.hidden = !open;
    this.field.setAttribute("aria-expanded", String(open));
    fill(
      this.list,
      this.found.map((one, at) =>
        h(
          "li",
          {
            role: "option",
            id: `completion-${at}`,
            "aria-selected": String(at === this.at),
            title: one.about,
            onmousedown: (/** @type {Event} */ event) => {
              event.preventDefault();
              this.take(at);
            },
          },
          h("code", {}, one.form),
          h("span.about", {}, one.title || one.about),
          h("span.kind", {}, one.kind),
        ),
      ),
    );
    if (this.at >= 0) {
      this.field.setAttribute("aria-activedescendant", `completion-${this.at}`);
      this.list.children[this.at].scrollIntoView({ block: "nearest" });
    } else this.field.removeAttribute("aria-activedescendant");
  }

  close() {
    this.found = [];
    this.at = -1;
    this.draw();
  }

  /** @param {number} at */
  take(at) {
    const one = this.found[at];
    const { start } = this.word();
    const end = this.field.selectionStart;
    const call = one.kind === "function" && one.form.includes("(");
    const text = one.kind === "function" ? (call ? `${one.name}(` : one.name) : one.name;
    this.field.setRangeText(text, start, end, "end");
    this.close();
    this.field.focus();
    this.grow();
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const open = this.found.length > 0;
    if (event.key === "ArrowDown" && open) this.at = (this.at + 1) % this.found.length;
    else if (event.key === "ArrowUp" && open) this.at = (this.at <= 0 ? this.found.length : this.at) - 1;
    else if (event.key === "Tab" && open && !event.shiftKey) this.take(Math.max(this.at, 0));
    else if (event.key === "Enter" && !event.shiftKey) {
      if (open && this.at >= 0) this.take(this.at);
      else this.commit();
    } else if (event.key === "Escape") {
      if (!open) this.field.blur();
      this.close();
    } else return;
    event.preventDefault();
    event.stopPropagation();
    if (open && this.found.length) this.draw();
  }

  /** Say what is wrong, and show where; null for nothing. @param {import("./api.js").Problem|Error|null} problem */
  say(problem) {
    this.field.setAttribute("aria-invalid", String(!!problem));
    if (!problem) {
      fill(this.error);
      return;
    }
    const place = "place" in problem && problem.field === "where" ? problem.place : -1;
    fill(this.error, place >= 0 ? this.excerpt(place) : null, h("span", {}, problem.message));
  }

  /** The words around a place, with the one that is meant marked. @param {number} place */
  excerpt(place) {
    const text = this.field.value.trim();
    const word = /^[A-Za-z0-9_.]+|^\S/.exec(text.slice(place))?.[0] ?? "";
    const from = Math.max(place - 28, 0);
    return h(
      "code.excerpt",
      {},
      from ? "\u2026" : "",
      text.slice(from, place),
      h("mark", {}, word || "\u2038"),
      text.slice(place + word.length, place + word.length + 28),
    );
  }
}
