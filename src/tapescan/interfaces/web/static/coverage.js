// @ts-check
// Who was asked for, who was ranked, and why the others were not: every number opens its symbols.

import * as address from "./address.js";
import { fill, h } from "./dom.js";
import * as format from "./format.js";

/** @param {HTMLElement} place @param {any} about of a scan @param {Record<string, string>} reasons in words */
export function coverage(place, about, reasons) {
  const { requested, ranked, dropped } = about.coverage;
  const chosen = address.get("dropped");
  fill(
    place,
    h("span", {}, h("b", {}, format.fixed(requested, 0)), " asked for"),
    h(
      "button.reason",
      { "aria-pressed": String(!chosen), onclick: () => address.set({ dropped: "" }) },
      h("b", {}, format.fixed(ranked, 0)),
      " ranked",
    ),
    Object.entries(dropped).map(([reason, count]) =>
      h(
        "button.reason",
        {
          title: reasons[reason] ?? "",
          "aria-pressed": String(reason === chosen),
          "data-reason": reason,
          onclick: () => address.set({ dropped: reason === chosen ? "" : reason, sort: "" }),
        },
        h("b", {}, format.fixed(/** @type {number} */ (count), 0)),
        ` ${format.words(reason)}`,
      ),
    ),
    chosen ? h("span.muted", {}, reasons[chosen] ?? "") : null,
    h(
      "details.notes",
      {},
      h("summary", {}, "made of"),
      h(
        "div.provenance",
        {},
        (about.notes ?? []).map((/** @type {string} */ note) => h("p", {}, note)),
        h(
          "dl",
          {},
          Object.entries(about.provenance ?? {}).map(([name, value]) => [
            h("dt", {}, format.words(name)),
            h("dd", {}, format.text(name, value)),
          ]),
        ),
      ),
    ),
  );
}
