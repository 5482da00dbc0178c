// @ts-check
// The line under the condition: named screens, what is opened beside the table, filter, order, columns, exports.

import * as address from "./address.js";
import { calmly, choice, fill, h, input } from "./dom.js";
import { still } from "./files.js";

const TOGGLES = /** @type {[string, string][]} */ ([
  ["build", "Builder"],
  ["plot", "History"],
  ["edit", "Columns"],
]).filter(([name]) => !still || name !== "build");
/** Without a server: neither a condition, nor another order, nor files of the rows. */
const FORMS = still ? [] : ["csv", "xlsx", "parquet"];

export class Tools {
  constructor() {
    this.screens = h("span");
    this.toggles = TOGGLES.map(([name, text]) => h("button.toggle", { onclick: () => toggle(name) }, text));
    this.quick = input("input", {
      type: "search",
      placeholder: "quick filter",
      "aria-label": "Quick filter",
      size: 14,
      oninput: calmly(() => address.set({ q: this.quick.value }, true), 30),
    });
    this.order = input("input", {
      type: "text",
      placeholder: "score desc",
      "aria-label": "Order",
      size: 12,
      onchange: () => address.set({ rank_by: this.order.value.trim(), sort: "" }),
    });
    this.columns = input("input", {
      type: "text",
      "aria-label": "Columns, with commas between",
      onchange: () => address.set({ cols: this.columns.value.trim() }),
    });
    this.count = h("span.count", { role: "status" });
    this.exports = FORMS.map((form) => h("a", { download: "", title: `The rows shown, as ${form}` }, form));
    this.note = h("div.note", { hidden: true });
    this.root = h(
      "div.tools",
      {},
      this.screens,
      this.toggles,
      this.quick,
      still ? null : h("label.pair", {}, "order ", this.order),
      this.count,
      h("span.exports", {}, this.exports),
      this.columns,
    );
  }

  /**
   * Show the address's state.
   * @param {any[]} screens all that are named @param {string[]} columns that are shown
   * @param {(form: string) => string} file the address of the rows in a form
   */
  update(screens, columns, file) {
    const chosen = address.get("screens");
    const some = screens.filter((one) => !one.error);
    if (!this.select) {
      this.select = choice(
        "Named screen",
        [["", "no screen"], ...some.map((one) => /** @type {[string, string]} */ ([one.name, one.title]))],
        chosen,
        (value) => address.set({ screens: value, dropped: "", sort: "" }),
      );
      fill(this.screens, this.select);
    }
    this.select.value = chosen;
    TOGGLES.forEach(([name], at) => {
      this.toggles[at].setAttribute("aria-pressed", String(address.get(name) === "1"));
    });
    const fields = { quick: address.get("q"), order: address.get("rank_by"), columns: columns.join(", ") };
    for (const [name, value] of Object.entries(fields)) {
      const field = this[/** @type {"quick"|"order"|"columns"} */ (name)];
      if (document.activeElement !== field) field.value = value;
    }
    this.columns.hidden = address.get("edit") !== "1";
    FORMS.forEach((form, at) => this.exports[at].setAttribute("href", file(form)));
    this.tell(some.find((one) => one.name === chosen));
  }

  /** What a named screen is. @param {any} screen */
  tell(screen) {
    this.note.hidden = !screen;
    if (!screen) return;
    const said = [screen.claims, screen.differs && `here: ${screen.differs}`, screen.source].filter(Boolean);
    const text = () =>
      address.set({
        screens: "",
        where: screen.where.replaceAll(/\s+/g, " ").trim(),
        rank_by: screen.rank_by,
        profile: screen.profile || address.get("profile"),
      });
    fill(
      this.note,
      h("code", {}, screen.where.trim()),
      h("span.muted", {}, said.join(" \u00b7 ")),
      still ? null : h("button.quiet", { onclick: text }, "edit as text"),
    );
  }
}

/** @param {string} name */
export function toggle(name) {
  address.set({ [name]: address.get(name) === "1" ? "" : "1" }, true);
}
