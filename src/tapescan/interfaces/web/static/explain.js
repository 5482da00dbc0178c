// @ts-check
// Why a symbol stands where it does: factors as bars that open to their terms, forecasts with their families, votes.

import { h } from "./dom.js";
import * as format from "./format.js";

/** A bar from the middle, or from the left. @param {number} part -1 to 1, or 0 to 1 @param {boolean} middle */
export function bar(part, middle) {
  const size = Math.min(Math.abs(part), 1) * (middle ? 50 : 100);
  return h(
    `span.bar${middle ? ".middle" : ""}${part < 0 ? ".minus" : ""}`,
    { "aria-hidden": "true" },
    h("span", { style: { width: `${size}%`, "margin-left": middle ? `${part < 0 ? 50 - size : 50}%` : "0" } }),
  );
}

/** All of an answer of /symbols/X. @param {any} told @param {boolean} [open] what has no weight, too */
export function explanation(told, open = false) {
  const counted = told.factors.filter((/** @type {any} */ one) => one.possible > 0);
  const others = told.factors.filter((/** @type {any} */ one) => !(one.possible > 0));
  return h(
    "div.explanation",
    {},
    told.dropped ? h("p.notice", {}, `Not ranked: ${told.dropped}.`) : null,
    Object.entries(told.suspects ?? {}).map(([day, what]) => h("p.notice", {}, `${day}: ${what}`)),
    counted.length
      ? h("h3", {}, "Score", h("span.muted", {}, ` ${format.text("score", told.row.score)} of 100`))
      : null,
    counted.map((/** @type {any} */ one) => factor(one, true)),
    forecasts(told.forecasts ?? []),
    others.length
      ? h(
          "details.more",
          { open },
          h("summary", {}, `${others.length} factors without weight in this profile`),
          others.map((/** @type {any} */ one) => factor(one, false)),
        )
      : null,
    votes(told.votes ?? []),
    statements(told.statements),
  );
}

/** @param {any} one @param {boolean} weighted */
function factor(one, weighted) {
  const known = one.value !== null;
  const said = weighted
    ? [
        h("b", {}, one.points === null ? "\u2013" : format.fixed(one.points, 1)),
        h("span.muted", {}, ` / ${format.fixed(one.possible, 0)}`),
      ]
    : [h("b", {}, known ? (one.value > 0 ? "+" : "") + format.fixed(one.value, 2) : "\u2013")];
  return h(
    "details.factor",
    {},
    h(
      "summary",
      {},
      h("span.name", {}, format.words(one.name)),
      weighted ? bar((one.points ?? 0) / one.possible, false) : bar((one.value ?? 0) / 3, true),
      h("span.value", {}, said),
    ),
    h(
      "p.muted",
      {},
      one.title,
      one.percentile === null ? "" : `; above ${format.percent(one.percentile, 0)} of the ranked`,
    ),
    h(
      "dl",
      {},
      one.terms.map((/** @type {[string, string|null]} */ [name, value]) => [
        h("dt", {}, name),
        h("dd", {}, value ?? "unknown"),
      ]),
    ),
  );
}

/** @param {any[]} some */
function forecasts(some) {
  if (!some.length) return null;
  return [
    h("h3", {}, "Forecasts"),
    ...some.map((one) => {
      const families = Object.entries(one.parts?.families ?? {});
      const most = Math.max(...families.map(([, value]) => Math.abs(/** @type {number} */ (value))), 1e-9);
      return h(
        "details.factor",
        {},
        h(
          "summary",
          {},
          h("span.name", {}, `${one.name}, ${one.horizon} sessions`),
          bar((one.value ?? 0) * 2, true),
          h("span.value", {}, h("b", {}, one.value === null ? "\u2013" : format.fixed(one.value, 3))),
        ),
        h(
          "p.muted",
          {},
          one.says,
          one.percentile === null ? "" : `; above ${format.percent(one.percentile, 0)} of all`,
        ),
        families.map(([name, value]) =>
          h(
            "div.family",
            {},
            h("span.name", {}, format.words(name)),
            bar(/** @type {number} */ (value) / most, true),
            h("span.value", {}, format.fixed(/** @type {number} */ (value), 4)),
          ),
        ),
        one.parts?.words?.length ? h("p.muted", {}, `moved most by ${one.parts.words.join(", ")}`) : null,
      );
    }),
  ];
}

/** @param {[string, number|null][]} some */
function votes(some) {
  if (!some.length) return null;
  const up = some.filter(([, vote]) => vote === 1).length;
  const down = some.filter(([, vote]) => vote === -1).length;
  return h(
    "details.more",
    {},
    h("summary", {}, `Technical rating: ${up} up, ${down} down of ${some.length} votes`),
    h(
      "dl",
      {},
      some.map(([name, vote]) => [
        h("dt", {}, name),
        h(
          `dd.${vote === 1 ? "up" : vote === -1 ? "down" : "muted"}`,
          {},
          vote === 1 ? "yes" : vote === -1 ? "no" : "unknown",
        ),
      ]),
    ),
  );
}

/** @param {any} told */
function statements(told) {
  if (!told) return null;
  const skip = new Set(["company"]);
  return h(
    "details.more",
    { open: true },
    h("summary", {}, `Statements of the period to ${told.period_end}, known from ${told.known_at}`),
    h(
      "dl",
      {},
      Object.entries(told)
        .filter(([name]) => !skip.has(name))
        .flatMap(([name, value]) =>
          typeof value === "object" && value !== null && !Array.isArray(value)
            ? Object.entries(value).flatMap(([key, its]) => [
                h("dt", {}, format.words(key)),
                h("dd", {}, format.text(key, its)),
              ])
            : [
                h("dt", {}, format.words(name)),
                h("dd", {}, name === "market_cap" && value ? format.short(value) : format.text(name, value)),
              ],
        ),
    ),
  );
}

/** Its plan in numbers. @param {any} row of a scan */
export function plan(row) {
  const parts = [
    ["entry", row.entry],
    ["stop", row.stop],
    ["target", row.target],
    ["shares", row.shares],
    ["risk", row.risk],
  ].filter(([, value]) => typeof value === "number" && Number.isFinite(value));
  if (!parts.length) return h("p.muted", {}, "no plan");
  const chances = [
    ["reaches stop", row.prob_stop],
    ["reaches target", row.prob_target],
  ].filter(([, value]) => typeof value === "number" && Number.isFinite(value));
  return h(
    "dl.plan",
    {},
    h("div", {}, h("dt", {}, "side"), h("dd", {}, row.side)),
    parts.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, format.number(name, value)))),
    chances.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, format.percent(value, 0)))),
  );
}
