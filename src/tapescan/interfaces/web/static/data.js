// @ts-check
// What is in the store, what is wrong with it, and a sync with its progress.

import { getJson } from "./api.js";
import * as address from "./address.js";
import { fill, h, input } from "./dom.js";
import * as format from "./format.js";
import { JobView } from "./jobs.js";
import { table, tile } from "./tables.js";

const FACTS = ["first", "newest", "symbols", "bars", "whole"];
const LABELS = /** @type {Record<string, string>} */ ({ whole: "sessions fetched as a whole" });

export class Data {
  /** @param {HTMLElement} root @param {{overview: any}} context */
  constructor(root, context) {
    this.context = context;
    this.job = new JobView(() => this.load());
    this.vendor = input("input", {
      type: "text",
      placeholder: "the settings' vendor",
      "aria-label": "Vendor",
      value: address.get("vendor"),
    });
    this.trouble = h("p.error", { role: "status" });
    this.sync = h(
      "form.form.panel",
      {
        hidden: true,
        onsubmit: (/** @type {Event} */ event) => {
          event.preventDefault();
          this.begin();
        },
      },
      h("label", {}, "vendor", this.vendor),
      h("button.primary", { type: "submit" }, "Sync"),
      h("span.muted", {}, "fetches what is missing; the page follows by itself"),
    );
    this.found = h("div", {}, h("p.muted", {}, "looking through the store\u2026"));
    fill(root, this.sync, this.trouble, this.job.root, this.found);
    this.load();
    this.update();
  }

  update() {
    this.sync.hidden = !this.context.overview?.store;
    this.job.follow(Number(address.get("job")) || 0);
  }

  async begin() {
    try {
      fill(this.trouble);
      address.set({ job: String(await this.job.begin({ kind: "sync", vendor: this.vendor.value.trim() })) });
    } catch (error) {
      fill(this.trouble, /** @type {Error} */ (error).message);
    }
  }

  async load() {
    try {
      const { diagnosis } = await getJson("/data");
      fill(
        this.found,
        diagnosis
          ? this.draw(diagnosis)
          : h(
              "div.panel",
              {},
              h("h2", {}, "Data"),
              h("p", {}, "This is the simulated market: companies and prices are invented, and there is no store."),
              h(
                "p",
                {},
                h("code", {}, "tapescan import FILES... --store DIR"),
                " or ",
                h("code", {}, "tapescan sync --store DIR"),
                " makes one; ",
                h("code", {}, "tapescan serve --store DIR"),
                " shows it.",
              ),
              (this.context.overview?.notes ?? []).map((/** @type {string} */ note) => h("p.muted", {}, note)),
            ),
      );
    } catch (error) {
      fill(this.found, h("p.error", {}, /** @type {Error} */ (error).message));
    }
  }

  /** @param {any} told */
  draw(told) {
    const frames = Object.entries(told).filter(([, value]) => Array.isArray(value));
    const wrong = frames.filter(([, rows]) => /** @type {any[]} */ (rows).length > 0);
    const right = frames
      .filter(([, rows]) => /** @type {any[]} */ (rows).length === 0)
      .map(([name]) => format.words(name));
    const others = Object.entries(told).filter(
      ([name, value]) => value && typeof value === "object" && !Array.isArray(value) && !FACTS.includes(name),
    );
    return [
      h(
        "div.panel",
        {},
        h("h2", {}, told.store),
        h(
          "div.tiles",
          {},
          FACTS.filter((name) => told[name] !== undefined).map((name) =>
            tile(
              LABELS[name] ?? format.words(name),
              typeof told[name] === "number" ? format.fixed(told[name], 0) : told[name],
            ),
          ),
        ),
        right.length ? h("p.muted", {}, `nothing found of: ${right.join(", ")}`) : null,
      ),
      wrong.map(([name, rows]) =>
        h(
          "details.panel",
          {},
          h("summary", {}, `${format.words(name)}: ${format.fixed(/** @type {any[]} */ (rows).length, 0)}`),
          table(/** @type {any[]} */ (rows), undefined, {
            label: format.words(name),
            show: { symbol: (value) => h("a", { href: address.link("/symbol", { symbol: value }) }, value) },
          }),
        ),
      ),
      others.map(([name, value]) =>
        h(
          "details.panel",
          {},
          h("summary", {}, format.words(name)),
          h(
            "dl",
            {},
            Object.entries(value).map(([key, its]) => [
              h("dt", {}, format.words(key)),
              h("dd", {}, Array.isArray(its) ? `${its.length} cases` : format.text(key, its)),
            ]),
          ),
        ),
      ),
    ];
  }

  dispose() {
    this.job.dispose();
  }
}
