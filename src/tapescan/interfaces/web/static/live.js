// @ts-check
// The session that is followed: the newest minute's list, who came and who went.

import * as address from "./address.js";
import { fill, h } from "./dom.js";
import * as format from "./format.js";
import { table, tile } from "./tables.js";

const SHOWN = ["rank", "symbol", "name", "sector", "score", "close", "entry", "stop", "target"];

export class Live {
  /** @param {HTMLElement} root @param {{overview: any, minute: any}} context */
  constructor(root, context) {
    this.root = root;
    this.context = context;
    this.came = () => this.update();
    addEventListener("tapescan:minute", this.came);
    this.update();
  }

  update() {
    const { minute, overview } = this.context;
    if (!overview?.live) {
      fill(
        this.root,
        h(
          "div.panel",
          {},
          h("h2", {}, "Live"),
          h(
            "p",
            {},
            "No session is followed: ",
            h("code", {}, "tapescan serve --live VENDOR"),
            " follows one, ",
            h("code", {}, "--live simulated"),
            " an invented one.",
          ),
        ),
      );
    } else if (!minute)
      fill(
        this.root,
        h(
          "div.panel",
          {},
          h("h2", {}, "Live"),
          h("p.muted", { role: "status" }, "waiting for the first minute\u2026"),
        ),
      );
    else if (minute.trouble)
      fill(this.root, h("div.panel", {}, h("h2", {}, "Live"), h("p.error", { role: "alert" }, minute.trouble)));
    else this.draw(minute);
  }

  /** @param {any} minute */
  draw(minute) {
    const changes = minute.changes ?? { entered: [], left: [] };
    const link = (/** @type {string} */ symbol) => h("a", { href: address.link("/symbol", { symbol }) }, symbol);
    fill(
      this.root,
      h(
        "div.tiles",
        {},
        tile("minute", `${minute.clock}`, { more: h("span.muted", {}, minute.session) }),
        tile("traded this minute", format.fixed(minute.traded, 0), {
          more: h(
            "span.muted",
            {},
            `${format.fixed(minute.so_far, 0)} so far of ${format.fixed(minute.expected, 0)}`,
          ),
        }),
        tile("feed", minute.source, {
          more: h(
            "span.muted",
            {},
            minute.partial ? "bars do not come for now" : `${format.fixed(minute.lag, 1)} s to the scan`,
          ),
        }),
        tile("ranked", minute.scan ? format.fixed(minute.scan.coverage.ranked, 0) : "\u2013"),
        minute.simulated ? tile("prices", "SIMULATED") : null,
      ),
      minute.notes.map((/** @type {string} */ note) => h("p.muted", {}, note)),
      h(
        "div.columns-2",
        {},
        h(
          "div.panel",
          {},
          h("h2", {}, "The list"),
          minute.scan
            ? table(
                minute.scan.rows,
                SHOWN.filter((name) => name in (minute.scan.rows[0] ?? {})),
                { label: "The list", most: 100, show: { symbol: link, score: (value) => format.fixed(value, 1) } },
              )
            : h("p.muted", {}, "nobody has traded yet"),
        ),
        h(
          "div.panel",
          {},
          h("h2", {}, "Since the minute before"),
          h("h3", {}, `New: ${changes.entered.length}`),
          h(
            "p",
            {},
            changes.entered.slice(0, 60).map((/** @type {any} */ one) => [link(one.symbol ?? one), " "]),
          ),
          h("h3", {}, `Gone: ${changes.left.length}`),
          h(
            "dl",
            {},
            changes.left
              .slice(0, 60)
              .map((/** @type {any} */ one) => [
                h("dt", {}, link(one.symbol ?? one)),
                h("dd", {}, format.words(one.why ?? "")),
              ]),
          ),
        ),
      ),
    );
  }

  dispose() {
    removeEventListener("tapescan:minute", this.came);
  }
}
