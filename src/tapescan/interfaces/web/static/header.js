// @ts-check
// What is always said: which day, whose profile, what regime, how fresh, whether it is simulated, and what is wrong.

import { once } from "./api.js";
import * as address from "./address.js";
import { choice, fill, h } from "./dom.js";
import { still } from "./files.js";
import * as format from "./format.js";
import { change, isDark } from "./theme.js";

export const PAGES = /** @type {[string, string][]} */ ([
  ["/", "Scan"],
  ["/map", "Map"],
  ["/breadth", "Breadth"],
  ["/replay", "Replay"],
  ["/live", "Live"],
  ["/alerts", "Alerts"],
  ["/models", "Models"],
  ["/data", "Data"],
]);
/** What needs no server. */
const STILL = ["/", "/map", "/breadth", "/models"];

export class Header {
  /** @param {HTMLElement} root @param {() => void} help */
  constructor(root, help) {
    this.pages = h("nav", { "aria-label": "Pages" });
    this.facts = h("div.facts");
    this.trouble = h("div.trouble", { role: "alert", hidden: true });
    this.theme = h("button.quiet", {
      onclick: () => {
        change();
        this.draw();
      },
    });
    this.help = h("button.quiet", { onclick: help, "aria-label": "Keys and help", title: "Keys and help (?)" }, "?");
    fill(
      root,
      h("a.brand", { href: address.link("/") }, "tapescan"),
      this.pages,
      this.facts,
      h("div.buttons", {}, this.theme, this.help),
      this.trouble,
    );
    /** @type {any} */
    this.overview = null;
    this.connected = true;
    this.said = "";
    /** What it was drawn of. @type {any[]|undefined} */
    this.drawn = undefined;
  }

  draw() {
    const { overview, known, connected, said } = this;
    const state = [address.path(), address.get("profile"), address.get("as_of"), isDark()];
    const now = [...state, overview, known, connected, said];
    // Most steps in the address change nothing here.
    if (now.every((one, at) => one === this.drawn?.[at])) return;
    this.drawn = now;
    fill(
      this.pages,
      PAGES.filter(([path]) => !still || STILL.includes(path)).map(([path, name]) =>
        h("a", { href: address.link(path), "aria-current": path === address.path() ? "page" : null }, name),
      ),
    );
    const dark = isDark();
    fill(this.theme, dark ? "light" : "dark");
    this.theme.setAttribute("aria-label", `Switch to ${dark ? "light" : "dark"}`);
    const about = this.overview;
    if (!about) return;
    const day = address.get("as_of");
    const { trend, volatility, realised } = about.regime ?? {};
    fill(
      this.facts,
      about.simulated ? h("span.chip.simulated", { title: about.notes.join("\n") }, "SIMULATED") : null,
      h(
        "span.chip",
        { title: "the session whose knowledge counts" },
        "as of ",
        h("b", {}, day || about.as_of),
        day && day !== about.as_of
          ? h(
              "button.quiet",
              {
                title: `back to ${about.as_of}`,
                "aria-label": `Back to ${about.as_of}`,
                onclick: () => address.set({ as_of: "" }),
              },
              "\u00d7",
            )
          : null,
      ),
      this.profiles(),
      trend
        ? h(
            "span.chip",
            { title: `the ${about.regime.index} index; volatility ${format.percent(realised ?? NaN)} a year` },
            `${trend}, ${volatility}`,
          )
        : null,
      still ? h("span.chip", { title: "nothing that came later is in it" }, `written ${about.written}`) : null,
      about.simulated || still
        ? null
        : h(
            `span.chip${about.behind ? ".late" : ""}`,
            { title: about.store ? `store ${about.store}` : "" },
            about.behind ? `${about.behind} session${about.behind > 1 ? "s" : ""} behind` : "up to date",
          ),
      about.live ? h("a.chip.live", { href: address.link("/live") }, "live") : null,
    );
    const told = [
      this.connected ? "" : "the connection to the server is lost; it is tried again",
      about.trouble,
      this.said,
    ].filter(Boolean);
    this.trouble.hidden = !told.length;
    fill(this.trouble, told.join(" \u00b7 "));
  }

  profiles() {
    if (!this.known) {
      once("/profiles")
        .then((found) => {
          this.known = found;
          this.draw();
        })
        .catch(() => {});
      return h("span.chip", {}, this.overview.profile.name);
    }
    const some = this.known.profiles.map((/** @type {any} */ one) => [
      one.name,
      one.error ? `${one.name} (broken)` : one.name,
    ]);
    const select = choice("Profile", some, address.get("profile") || this.known.default, (value) =>
      address.set({ profile: value === this.known.default ? "" : value }),
    );
    select.classList.add("chip");
    return select;
  }

  /** @param {string} text what is wrong; empty for nothing */
  say(text) {
    this.said = text;
    this.draw();
  }
}
