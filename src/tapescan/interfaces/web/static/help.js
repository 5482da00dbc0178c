// @ts-check
// The keys, and where to read more.

import { h } from "./dom.js";
import { still } from "./files.js";

const KEYS = /** @type {[string, string][]} */ ([
  ["/", "write a condition"],
  ["Enter", "in the condition: scan; on a row: open the symbol"],
  ["Tab", "take a completion"],
  ["space, j, \u2193", "the next row and its chart"],
  ["shift space, k, \u2191", "the one before"],
  ["f", "quick filter"],
  ["s, o", "sort by the column of the marked cell (arrows move it); write an order"],
  ["h", "the screen through time"],
  ["b", "the builder"],
  ["g then s m b r l a o d", "go to a page: scan, map, breadth, replay, live, alerts, mOdels, data"],
  ["d", "dark or light"],
  ["Esc", "leave a field, close a list, go back from a symbol"],
  ["?", "this help"],
]);

/** @returns {HTMLDialogElement} */
export function helpDialog() {
  const found = /** @type {HTMLDialogElement} */ (
    h(
      "dialog.help",
      { "aria-labelledby": "help-title" },
      h("h2", { id: "help-title" }, "Keys"),
      h(
        "dl",
        {},
        KEYS.map(([key, what]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, what)]),
      ),
      h(
        "p.muted",
        {},
        "Every state of the page stands in its address: a link brings it back. ",
        still
          ? null
          : [
              "Programs ask the same at ",
              h("code", {}, "/api/v1"),
              "; ",
              h("a", { href: "/api/v1/openapi.json" }, "its description"),
              ".",
            ],
      ),
      h("form", { method: "dialog" }, h("button.primary", { autofocus: true }, "Close")),
    )
  );
  document.body.append(found);
  return found;
}
