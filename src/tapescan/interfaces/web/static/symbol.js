// @ts-check
// One symbol: its chart with any columns, its plan, why it stands where it does, and its options.

import { loadColumns, once } from "./api.js";
import * as address from "./address.js";
import { Detail } from "./detail.js";
import { fill, h, input } from "./dom.js";
import { still } from "./files.js";
import { Options } from "./options.js";
import { Ranks } from "./ranks.js";

export class SymbolPage {
  /** @param {HTMLElement} root @param {{overview: any}} context */
  constructor(root, context) {
    this.context = context;
    this.detail = new Detail({ tall: true });
    this.options = new Options();
    this.ranks = new Ranks();
    this.names = h("datalist", { id: "symbols" });
    this.field = input("input", {
      type: "text",
      list: "symbols",
      placeholder: "a symbol",
      "aria-label": "Symbol",
      size: 14,
      onchange: () => this.go(this.field.value),
    });
    this.back = h("a", {}, "to the list");
    this.none = h("p.muted", { hidden: true }, "Name a symbol: every one of the market is here, ranked or not.");
    this.panel = h("div.panel", {}, this.detail.root);
    this.why = h("div", {}, h("div.panel", {}, this.detail.plan, this.detail.why), this.options.side);
    fill(
      root,
      h("div.tools.panel", {}, this.field, this.names, this.back),
      this.none,
      h("div.columns-2", {}, h("div", {}, this.panel, this.ranks.root, this.options.root), this.why),
    );
    once("/symbols")
      .then(({ rows }) =>
        fill(
          this.names,
          rows.map((/** @type {any} */ one) => h("option", { value: one.symbol }, one.name)),
        ),
      )
      .catch(() => {});
    this.update();
  }

  /** @param {string} text */
  go(text) {
    const symbol = text.trim();
    if (symbol) address.set({ symbol, expiry: "" });
  }

  async update() {
    const symbol = address.get("symbol");
    const list = { where: address.get("where"), rank_by: address.get("rank_by"), screens: address.get("screens") };
    this.back.setAttribute("href", address.link("/", { ...list, symbol }));
    if (document.activeElement !== this.field) this.field.value = symbol;
    this.none.hidden = !!symbol;
    for (const one of [this.panel, this.why, this.ranks.root, this.options.root]) one.hidden = !symbol;
    if (!symbol) return;
    await loadColumns();
    document.title = `tapescan: ${symbol}`;
    const query = {
      profile: address.get("profile"),
      screens: address.list("screens"),
      where: list.where,
      rank_by: list.rank_by,
      as_of: address.get("as_of"),
    };
    this.detail.show(symbol, null, query, this.context.overview?.generation);
    this.ranks.update(symbol, query, this.context.overview?.generation);
    if (!still) this.options.update(symbol, query);
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.key === "/" || event.key === "f") this.field.focus();
    else if (event.key === "Escape") history.length > 1 ? history.back() : address.go("/");
    else return false;
    return true;
  }

  dispose() {
    this.detail.dispose();
    this.ranks.dispose();
  }
}
