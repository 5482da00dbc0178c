// @ts-check
// The newest alerts of the outbox.

import { getJson } from "./api.js";
import * as address from "./address.js";
import { fill, h } from "./dom.js";
import * as format from "./format.js";
import { table } from "./tables.js";

const SHOWN = ["session", "clock", "rule", "symbol", "kind", "title", "text", "state", "address", "tries", "said"];

export class Alerts {
  /** @param {HTMLElement} root @param {{overview: any}} context */
  constructor(root, context) {
    this.root = root;
    this.context = context;
    this.soon = () => this.update();
    addEventListener("tapescan:minute", this.soon);
    this.update();
  }

  async update() {
    try {
      const { alerts } = await getJson("/alerts");
      const symbol = address.get("symbol");
      const shown = symbol ? alerts.filter((/** @type {any} */ one) => one.symbol === symbol) : alerts;
      fill(
        this.root,
        h(
          "div.panel",
          {},
          h("h2", {}, "Alerts"),
          h(
            "p.muted",
            {},
            "The outbox beside the store, the newest first; rules are TOML files: ",
            h("code", {}, "tapescan alerts list"),
            ".",
          ),
          shown.length
            ? table(shown, SHOWN, {
                label: "Alerts",
                show: {
                  symbol: (value) =>
                    value ? h("a", { href: address.link("/symbol", { symbol: value }) }, value) : "",
                  made: format.clock,
                },
              })
            : h(
                "p",
                {},
                this.context.overview?.simulated
                  ? "The simulated market has no store, so there is no outbox."
                  : "No alert has been made yet.",
              ),
        ),
      );
    } catch (error) {
      fill(this.root, h("p.error", {}, /** @type {Error} */ (error).message));
    }
  }

  dispose() {
    removeEventListener("tapescan:minute", this.soon);
  }
}
