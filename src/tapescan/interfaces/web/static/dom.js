// @ts-check
// Elements from plain values. Texts become text nodes alone: whatever a name holds, it is shown, never read.

/** A node, a text, nothing, or some of them. @typedef {any} Child */

/**
 * An element.
 * @param {string} tag with classes after dots: "div.card.wide"
 * @param {Record<string, any>} [props] attributes; onX are listeners; null and false are left out
 * @param {...Child} children
 * @returns {HTMLElement}
 */
export function h(tag, props = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const found = document.createElement(name);
  if (classes.length) found.className = classes.join(" ");
  apply(found, props);
  found.append(...nodes(children));
  return found;
}

/** An element of SVG; as `h`. @param {string} tag @param {Record<string, any>} [props] @param {...Child} children */
export function s(tag, props = {}, ...children) {
  const found = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [key, value] of Object.entries(props)) found.setAttribute(key, String(value));
  found.append(...nodes(children));
  return found;
}

/** @param {HTMLElement} found @param {Record<string, any>} props */
function apply(found, props) {
  for (const [key, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) found.addEventListener(key.slice(2), value);
    else if (key === "style")
      Object.entries(value).forEach(([one, its]) => found.style.setProperty(one, String(its)));
    else if (key === "value") /** @type {HTMLInputElement} */ (found).value = String(value);
    else if (value === true) found.setAttribute(key, "");
    else found.setAttribute(key, String(value));
  }
}

/** @param {Child[]} children @returns {(Node|string)[]} */
function nodes(children) {
  return children
    .flat(Infinity)
    .filter((one) => one !== null && one !== undefined && one !== false)
    .map((one) => (one instanceof Node ? one : String(one)));
}

/** Replace what an element holds. @param {Element} place @param {...Child} children */
export function fill(place, ...children) {
  place.replaceChildren(...nodes(children));
}

/** @template {HTMLElement} T @param {string} tag @param {Record<string, any>} [props] @param {...Child} more */
export function input(tag, props = {}, ...more) {
  return /** @type {HTMLInputElement} */ (h(tag, props, ...more));
}

/**
 * A choice among some.
 * @param {string} label for who cannot see it @param {[string, string][]} options value and text
 * @param {string} chosen @param {(value: string) => void} changed
 */
export function choice(label, options, chosen, changed) {
  const found = /** @type {HTMLSelectElement} */ (h("select", { "aria-label": label, title: label }));
  fill(
    found,
    options.map(([value, text]) => h("option", { value, selected: value === chosen }, text)),
  );
  found.value = chosen;
  found.addEventListener("change", () => changed(found.value));
  return found;
}

/** Calls a function once things are quiet for so long. @param {() => void} what @param {number} wait milliseconds */
export function calmly(what, wait) {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(what, wait);
  };
}

/** @type {Map<string, string>} */
const shades = new Map();
addEventListener("tapescan:theme", () => shades.clear());

/** The colours that the style sheet gives now; asked once, for asking has the browser lay out all that changed.
 * @param {...string} names without the dashes */
export function colours(...names) {
  const missing = names.filter((name) => !shades.has(name));
  if (missing.length) {
    const style = getComputedStyle(document.documentElement);
    for (const name of missing) shades.set(name, style.getPropertyValue(`--${name}`).trim());
  }
  return names.map((name) => shades.get(name) ?? "");
}
