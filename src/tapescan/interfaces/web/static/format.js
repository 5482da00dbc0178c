// @ts-check
// Values of columns as text, by the column's unit.

import { columns } from "./api.js";

/** Ratios that nobody reads as a share of a hundred. */
const PLAIN = /relative_volume|_ratio|^vortex|put_call|^volume_oi|^range_of_atr|_r2$|^option_volume|^bop$/;
const THOUSANDS = /\B(?=(?:\d{3})+$)/g;

/**
 * With commas between thousands. To have the browser's own formats ready takes a tenth of what a page takes to open.
 * @param {number} value @param {number} digits
 */
export function fixed(value, digits) {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : value < 0 ? "\u2212\u221e" : "\u221e";
  const [whole, part] = Math.abs(value).toFixed(digits).split(".");
  const sign = value < 0 ? "\u2212" : "";
  return sign + (whole.length > 3 ? whole.replace(THOUSANDS, ",") : whole) + (part ? `.${part}` : "");
}

/** Large numbers as 1.2M. @param {number} value */
export function short(value) {
  const size = Math.abs(value);
  for (const [from, letter] of /** @type {[number, string][]} */ ([
    [1e12, "T"],
    [1e9, "B"],
    [1e6, "M"],
    [1e4, "k"],
  ])) {
    if (size >= from) return fixed(value / (letter === "k" ? 1e3 : from), size / from >= 100 ? 0 : 1) + letter;
  }
  return fixed(value, size >= 100 || Number.isInteger(value) ? 0 : 2);
}

/** @param {number} value @param {number} [digits] @param {boolean} [signed] */
export function percent(value, digits = 1, signed = false) {
  return (signed && value > 0 ? "+" : "") + fixed(value * 100, digits) + "%";
}

/** @param {number} value */
export function price(value) {
  return fixed(value, Math.abs(value) < 1 ? 4 : 2);
}

/** Whether a column's values say up and down. @param {string} name */
export function isSigned(name) {
  const found = columns.get(name);
  if (!found) return false;
  return found.unit === "ratio" ? !PLAIN.test(name) && found.group === "returns" : found.group === "factors";
}

/** A number of a column. @param {string} name @param {number|null|undefined} value @returns {string} */
export function number(name, value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "\u2013";
  const found = columns.get(name);
  if (found?.type === "Date") return day(value);
  switch (found?.unit) {
    case "price":
      return price(value);
    case "ratio":
      if (name.startsWith("amihud")) return value.toExponential(1).replace("-", "\u2212");
      return PLAIN.test(name) ? fixed(value, 2) : percent(value, 1, isSigned(name));
    case "dollars":
    case "shares":
      return short(value);
    case "percent":
      return fixed(value, 1) + "%";
    case "points":
    case "index":
    case "degrees":
      return fixed(value, 1);
    case "bars":
    case "sessions":
    case "minutes":
      return fixed(value, 0);
  }
  if (found?.type.startsWith("Int") || found?.type.startsWith("UInt")) return fixed(value, 0);
  return Math.abs(value) >= 1e5 ? short(value) : fixed(value, Number.isInteger(value) ? 0 : 2);
}

/** Any value. @param {string} name @param {any} value @returns {string} */
export function text(name, value) {
  if (typeof value === "number") return number(name, value);
  if (value === null || value === undefined || value === "") return "\u2013";
  if (Array.isArray(value)) return value.map((one) => text(name, one)).join(" ");
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "object")
    return Object.entries(value)
      .map(([key, its]) => `${key} ${text(key, its)}`)
      .join(", ");
  return String(value);
}

/** Days since 1970 as a date. @param {number} value */
export function day(value) {
  return Number.isFinite(value) ? new Date(value * 864e5).toISOString().slice(0, 10) : "\u2013";
}

/** A moment as this machine's clock has it, written as all dates are. @param {string|null} moment */
export function clock(moment) {
  if (!moment) return "\u2013";
  const found = new Date(moment);
  const two = (/** @type {number} */ one) => String(one).padStart(2, "0");
  const day = `${found.getFullYear()}-${two(found.getMonth() + 1)}-${two(found.getDate())}`;
  return `${day} ${two(found.getHours())}:${two(found.getMinutes())}:${two(found.getSeconds())}`;
}

/** A name in words. @param {string} name */
export const words = (name) => name.replaceAll("_", " ");
