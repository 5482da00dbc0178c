// @ts-check
// The models that a scan may use, with their records out of sample.

import { getJson } from "./api.js";
import { fill, h } from "./dom.js";
import * as format from "./format.js";
import { table, tile } from "./tables.js";

export class Models {
  /** @param {HTMLElement} root */
  constructor(root) {
    this.root = root;
    this.update();
  }

  async update() {
    try {
      const { models } = await getJson("/models");
      fill(
        this.root,
        models.length
          ? models.map(card)
          : h(
              "div.panel",
              {},
              h("h2", {}, "Models"),
              h(
                "p",
                {},
                "No model is trained here: ",
                h("code", {}, "tapescan train --store DIR"),
                " makes some, and their records stand here then.",
              ),
              h("p.muted", {}, "A model counts in a score only where its record out of sample passes the gate."),
            ),
      );
    } catch (error) {
      fill(this.root, h("p.error", {}, /** @type {Error} */ (error).message));
    }
  }

  dispose() {}
}

/** @param {any} one a card */
function card(one) {
  const metrics = Object.entries(one.metrics ?? {}).map(([name, its]) => ({ name, .../** @type {any} */ (its) }));
  const names = [
    "name",
    ...Object.keys(metrics[0] ?? {}).filter(
      (name) => name !== "name" && typeof (/** @type {any} */ (metrics[0])[name]) === "number",
    ),
  ];
  return h(
    "div.panel",
    {},
    h("h2", {}, `${one.kind}, ${one.horizon} sessions`),
    h("p.sentence", {}, one.reason),
    h(
      "div.tiles",
      {},
      tile("weight", format.percent(one.weight, 0)),
      tile("rows", format.short(one.rows)),
      tile("symbols", format.fixed(one.symbols, 0)),
      tile("trained on", `${one.first} to ${one.last}`),
      tile("trainings so far", format.fixed(one.trials, 0)),
    ),
    metrics.length ? table(metrics, names.slice(0, 9), { label: "Record out of sample" }) : null,
    h("details.more", {}, h("summary", {}, `${one.features.length} features`), h("p", {}, one.features.join(", "))),
  );
}
