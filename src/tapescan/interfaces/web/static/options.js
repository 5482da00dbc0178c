// @ts-check
// A symbol's options: the ways to trade its plan, the smile of an expiry, the term structure, the chain.

import { getJson } from "./api.js";
import * as address from "./address.js";
import { choice, fill, h } from "./dom.js";
import * as format from "./format.js";
import { keys, picture, table } from "./tables.js";

const SHOWN = [
  "rank",
  "strategy",
  "expiry",
  "legs",
  "cost",
  "max_loss",
  "max_gain",
  "win_rate",
  "mean",
  "size",
  "why",
];

export class Options {
  constructor() {
    this.root = h("section", { "aria-label": "Options" });
    /** Smile and term structure. */
    this.side = h("section", { "aria-label": "Implied volatility" });
    this.asked = "";
  }

  /** @param {string} symbol @param {import("./api.js").Query} query */
  async update(symbol, query) {
    const asked = JSON.stringify([symbol, query.profile, query.as_of]);
    if (asked === this.asked) {
      this.draw();
      return;
    }
    this.asked = asked;
    fill(this.side);
    fill(this.root, h("div.panel", {}, h("h2", {}, "Options"), h("p.muted", {}, "reading\u2026")));
    try {
      this.found = await getJson(`/symbols/${encodeURIComponent(symbol)}/options`, {
        profile: query.profile,
        as_of: query.as_of,
      });
      if (asked === this.asked) this.draw();
    } catch (error) {
      if (asked === this.asked) {
        this.found = null;
        fill(
          this.root,
          h("div.panel", {}, h("h2", {}, "Options"), h("p.muted", {}, /** @type {Error} */ (error).message)),
        );
      }
    }
  }

  draw() {
    const { found } = this;
    if (!found) return;
    const expiries = found.expiries.filter((/** @type {any} */ one) => one.iv !== null);
    const usual = expiries.find((/** @type {any} */ one) => one.days >= 21) ?? expiries[0];
    const chosen = expiries.some((/** @type {any} */ one) => one.expiry === address.get("expiry"))
      ? address.get("expiry")
      : usual?.expiry;
    const told = (/** @type {string} */ name) =>
      name !== "why" || found.expressions.some((/** @type {any} */ one) => one.why);
    const chain = found.contracts.filter((/** @type {any} */ one) => one.expiry === chosen);
    const share = (/** @type {number} */ value) => format.percent(value, 0);
    this.drawSmile(found, expiries, chosen, chain);
    fill(
      this.root,
      h(
        "div.panel",
        {},
        h("h2", {}, "Ways to trade the plan", h("span.muted", {}, ` quotes of ${format.clock(found.quoted)}`)),
        found.no_plan ? h("p.muted", {}, found.no_plan) : null,
        found.notes.map((/** @type {string} */ note) => h("p.muted", {}, note)),
        found.expressions.length
          ? table(found.expressions, SHOWN.filter(told), {
              label: "Ways to trade the plan",
              show: {
                legs: (legs) => legs.map((/** @type {any} */ leg) => h("div.whole", {}, words(leg))),
                win_rate: (value) => (value === null ? "\u2013" : format.percent(value, 0)),
                rank: (value) => value ?? "",
                cost: money,
                max_loss: money,
                max_gain: (value) => (value === null ? "no limit" : money(value)),
                mean: (value) => (value === null ? "\u2013" : format.fixed(value, 3)),
                strategy: (value) => h("span.whole", {}, format.words(value)),
                expiry: (value) => h("span.whole", {}, value ?? ""),
              },
            })
          : null,
      ),
      chain.length
        ? h(
            "div.panel",
            {},
            h("h2", {}, `Chain of ${chosen}`),
            table(
              rows(chain),
              [
                "call_bid",
                "call_ask",
                "call_iv",
                "call_open_interest",
                "strike",
                "put_bid",
                "put_ask",
                "put_iv",
                "put_open_interest",
              ],
              {
                label: "Chain",
                show: {
                  call_iv: (value) => (value ? share(value) : "\u2013"),
                  put_iv: (value) => (value ? share(value) : "\u2013"),
                  strike: (value) => h("b", {}, format.price(value)),
                },
              },
            ),
          )
        : null,
    );
  }

  /** @param {any} found @param {any[]} expiries @param {string} chosen @param {any[]} chain */
  drawSmile(found, expiries, chosen, chain) {
    const share = (/** @type {number} */ value) => format.percent(value, 1);
    fill(
      this.side,
      expiries.length
        ? h(
            "div.panel",
            {},
            h(
              "div.legendline",
              {},
              h("h2", {}, "Smile"),
              choice(
                "Expiry",
                expiries.map((/** @type {any} */ one) => [
                  one.expiry,
                  `${one.expiry}, ${format.fixed(one.days, 0)} days`,
                ]),
                chosen,
                (expiry) => address.set({ expiry }, true),
              ),
            ),
            keys([
              ["calls", "series-1"],
              ["puts", "series-2"],
              ["fitted", "muted"],
            ]),
            picture(
              [
                { name: "fitted", shade: "muted", points: pairs(chain, "call", "iv_smile") },
                { name: "calls", shade: "series-1", points: pairs(chain, "call", "iv"), dots: true },
                { name: "puts", shade: "series-2", points: pairs(chain, "put", "iv"), dots: true },
              ],
              {
                label: `Implied volatility by strike, ${chosen}`,
                x: format.price,
                y: share,
                mark: found.spot ?? undefined,
              },
            ),
            h("h3", {}, "Term structure"),
            picture(
              [
                {
                  name: "at the money",
                  shade: "series-1",
                  points: expiries.map((/** @type {any} */ one) => [one.days, one.iv]),
                },
              ],
              {
                label: "Implied volatility at the money by days",
                x: (value) => `${format.fixed(value, 0)} d`,
                y: share,
              },
            ),
          )
        : null,
    );
  }
}

/** @param {number|null} value */
const money = (value) => (value === null ? "\u2013" : format.fixed(value, 2));

/** @param {any} leg */
function words(leg) {
  return `${leg.side} ${leg.kind} ${format.price(leg.strike)} at ${money(leg.bid)} / ${money(leg.ask)}`;
}

/** @param {any[]} chain @param {string} side @param {string} name @returns {[number, number][]} */
function pairs(chain, side, name) {
  return chain
    .filter((one) => one.side === side && one[name] !== null && one.standard)
    .map((one) => /** @type {[number, number]} */ ([one.strike, one[name]]))
    .sort((a, b) => a[0] - b[0]);
}

/** A row a strike. @param {any[]} chain */
function rows(chain) {
  /** @type {Map<number, any>} */
  const found = new Map();
  for (const one of chain.filter((row) => row.standard)) {
    const row = found.get(one.strike) ?? { strike: one.strike };
    for (const name of ["bid", "ask", "iv", "open_interest"]) row[`${one.side}_${name}`] = one[name];
    found.set(one.strike, row);
  }
  return [...found.values()].sort((a, b) => a.strike - b.strike);
}
