// @ts-check
// What a screen would have shown on every session, and what came of it: begun here, followed, shown.

import { once } from "./api.js";
import * as address from "./address.js";
import { legendIn, lineChart } from "./chart.js";
import { choice, fill, h, input } from "./dom.js";
import * as format from "./format.js";
import { earlier, JobView } from "./jobs.js";
import { table, tile } from "./tables.js";

const PICKS = [
  "session",
  "rank",
  "symbol",
  "sector",
  "score",
  "fill",
  "fill_price",
  "exit_price",
  "exit_reason",
  "held",
  "net",
];

export class Replay {
  /** @param {HTMLElement} root @param {{overview: any}} context */
  constructor(root, context) {
    this.context = context;
    this.job = new JobView((job) => this.show(job));
    const field = (/** @type {string} */ name, /** @type {any} */ props) =>
      input("input", { name, value: address.get(name), ...props });
    this.fields = {
      where: field("where", { type: "text", placeholder: "all that the profile ranks" }),
      top: field("top", { type: "number", min: 1, max: 500, placeholder: "10" }),
      hold: field("hold", { type: "number", min: 1, max: 252, placeholder: "profile's" }),
      start: field("start", { type: "date" }),
      end: field("end", { type: "date" }),
      cost: field("cost", { type: "number", min: 0, max: 1000, step: "any", placeholder: "10" }),
    };
    this.screen = h("span");
    this.trouble = h("p.error", { role: "status" });
    this.past = h("div");
    this.result = h("div");
    const label = (/** @type {string} */ text, /** @type {any} */ one, wide = false) =>
      h(`label${wide ? ".wide" : ""}`, {}, text, one);
    this.form = h(
      "form.form.panel",
      {
        onsubmit: (/** @type {Event} */ event) => {
          event.preventDefault();
          this.begin();
        },
      },
      label("condition", this.fields.where, true),
      label("named screen", this.screen),
      label("picks a session", this.fields.top),
      label("held, sessions", this.fields.hold),
      label("from", this.fields.start),
      label("to", this.fields.end),
      label("costs each way, bp", this.fields.cost),
      h("button.primary", { type: "submit" }, "Replay"),
    );
    fill(root, this.form, this.trouble, this.job.root, this.past, this.result);
    this.repaint = () => {
      if (this.told) this.draw(this.told);
    };
    addEventListener("tapescan:theme", this.repaint);
    this.update();
  }

  update() {
    once("/screens")
      .then(({ screens }) =>
        fill(
          this.screen,
          choice(
            "Named screen",
            [
              ["", "none"],
              ...screens
                .filter((/** @type {any} */ one) => !one.error)
                .map((/** @type {any} */ one) => [one.name, one.title]),
            ],
            address.get("screens"),
            (value) => address.set({ screens: value }, true),
          ),
        ),
      )
      .catch(() => {});
    for (const [name, one] of Object.entries(this.fields))
      if (document.activeElement !== one && address.get(name)) one.value = address.get(name);
    const number = Number(address.get("job")) || 0;
    if (number !== this.job.number) fill(this.result);
    this.job.follow(number);
    if (!number)
      earlier("replay", (job) => address.set({ job: String(job) }))
        .then((found) => fill(this.past, found))
        .catch(() => {});
    else fill(this.past);
  }

  async begin() {
    const { where, top, hold, start, end, cost } = this.fields;
    const asked = {
      kind: "replay",
      profile: address.get("profile"),
      where: where.value.trim(),
      start: start.value,
      end: end.value,
      screens: address.list("screens"),
      ...(top.value ? { top: Number(top.value) } : {}),
      ...(hold.value ? { hold: Number(hold.value) } : {}),
      ...(cost.value ? { cost: Number(cost.value) } : {}),
    };
    try {
      fill(this.trouble);
      const job = await this.job.begin(asked);
      address.set({
        job: String(job),
        where: where.value.trim(),
        top: top.value,
        hold: hold.value,
        start: start.value,
        end: end.value,
        cost: cost.value,
      });
    } catch (error) {
      fill(this.trouble, /** @type {Error} */ (error).message);
    }
  }

  /** @param {any} job */
  show(job) {
    if (job.state !== "done" || !job.result) return;
    this.told = job.result;
    this.draw(job.result);
  }

  /** @param {any} told */
  draw(told) {
    this.chart?.dispose();
    const { verdict, statistics, curves } = told;
    const canvas = h("div.chart", { role: "img", "aria-label": "What became of the money" });
    const said = h("div.legend");
    const growth = statistics.growth ?? {};
    fill(
      this.result,
      h(
        "div.panel",
        {},
        h("h2", {}, told.title, h("span.muted", {}, ` ${told.first} to ${told.last}`)),
        h(`p.sentence${verdict.sure ? ".sure" : ""}`, {}, verdict.sentence),
        verdict.further.map((/** @type {string} */ one) => h("p", {}, one)),
        h(
          "ul.notice",
          {},
          verdict.warnings.map((/** @type {string} */ one) => h("li", {}, one)),
        ),
      ),
      h(
        "div.tiles",
        {},
        tile("sessions", format.fixed(statistics.sessions, 0)),
        tile("picks", format.fixed(statistics.picked, 0)),
        Object.entries(growth)
          .filter(([, one]) => one && typeof (/** @type {any} */ (one).annual) === "number")
          .map(([name, one]) =>
            tile(`${format.words(name)} a year`, format.percent(/** @type {any} */ (one).annual, 1, true)),
          ),
      ),
      curves?.length ? h("div.panel", {}, said, canvas) : null,
      told.picks?.length
        ? h(
            "details.panel",
            { open: true },
            h("summary", {}, "The newest picks"),
            table(
              told.picks.slice(-200).reverse(),
              PICKS.filter((name) => name in told.picks[0]),
              {
                label: "Picks",
                show: {
                  symbol: (symbol, row) =>
                    h(
                      "a",
                      { href: address.link("/", { symbol, as_of: row.session, where: address.get("where") }) },
                      symbol,
                    ),
                  net: (value) =>
                    value === null
                      ? "\u2013"
                      : h(`span.${value < 0 ? "down" : "up"}`, {}, format.percent(value, 1, true)),
                  score: (value) => format.fixed(value, 1),
                },
              },
            ),
          )
        : null,
    );
    if (!curves?.length) return;
    const days = curves.map((/** @type {any} */ one) => one.session);
    const lines = /** @type {[string, string, string][]} */ ([
      ["net", "after costs", "series-1"],
      ["picks", "before costs", "series-4"],
      ["eligible", "all eligible", "muted"],
      ["index", "index", "series-2"],
      ["matched_low", "random picks, 1 in 20 worse", "volume"],
      ["matched_high", "1 in 20 better", "volume"],
    ])
      .filter(([name]) => curves.some((/** @type {any} */ one) => one[name] !== null))
      .map(([name, text, colour]) => ({
        name,
        label: text,
        colour,
        pane: 0,
        kind: /** @type {"line"} */ ("line"),
        show: (/** @type {number} */ value) => format.percent(value - 1, 1, true),
        values: curves.map((/** @type {any} */ one) => one[name]),
      }));
    this.chart = lineChart(canvas, days, lines, {
      seen: legendIn(said, days, lines),
    });
  }

  dispose() {
    removeEventListener("tapescan:theme", this.repaint);
    this.job.dispose();
    this.chart?.dispose();
  }
}
