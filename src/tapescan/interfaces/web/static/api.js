// @ts-check
// The REST interface. Answers have ETags, and the browser's own cache asks with them: what is the same is not sent.

import { fileOf, still } from "./files.js";
import { tableFromIPC } from "./vendor/flechette.js";

/** What the server says is wrong, in one line. */
export class Problem extends Error {
  /** @param {number} status @param {{detail?: string, title?: string, hint?: string, field?: string}} told */
  constructor(status, told) {
    super(told.detail || told.title || `the server answered ${status}`);
    this.status = status;
    this.hint = told.hint ?? "";
    this.field = told.field ?? "";
    const place = / at character (\d+)/.exec(this.message);
    /** Where in a condition, from 0; -1 for nowhere. */
    this.place = place ? Number(place[1]) - 1 : -1;
  }
}

const STILL =
  "This page is one evening as files: it has the list, the named screens and the best symbols. " +
  "Conditions, other days and other symbols are answered by `tapescan serve`.";

/** @typedef {Record<string, string|number|boolean|string[]|undefined>} Query */

/** @param {string} path @param {Query} [query] */
export function address(path, query = {}) {
  const found = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (Array.isArray(value)) value.forEach((one) => found.append(name, one));
    else if (value !== undefined && value !== "" && value !== false) found.set(name, String(value));
  }
  const text = found.toString();
  return `/api/v1${path}${text ? `?${text}` : ""}`;
}

/** @param {string} url @param {RequestInit} [more] */
async function answer(url, more = {}) {
  let found;
  if (still) {
    const file = more.method ? "" : await fileOf(url);
    if (!file) throw new Problem(0, { detail: STILL });
    url = file;
  }
  try {
    found = await fetch(url, { credentials: "same-origin", ...more });
  } catch (error) {
    if (/** @type {Error} */ (error).name === "AbortError") throw error;
    throw new Problem(0, { detail: "the server does not answer; is `tapescan serve` still running?" });
  }
  if (found.ok) return found;
  const told = await found.json().catch(() => ({}));
  throw new Problem(found.status, told);
}

/** @param {string} path @param {Query} [query] @param {AbortSignal} [signal] @returns {Promise<any>} */
export async function getJson(path, query = {}, signal) {
  const found = await answer(address(path, query), { signal, headers: { accept: "application/json" } });
  return found.json();
}

/**
 * A table by columns.
 * @typedef {{size: number, total: number, names: string[], types: Record<string, "number"|"text"|"day"|"list">,
 *   columns: Record<string, Float64Array|any[]>}} Table
 */

/** @param {string} path @param {Query} [query] @param {AbortSignal} [signal] @returns {Promise<Table>} */
export async function getTable(path, query = {}, signal) {
  const found = await answer(address(path, { ...query, format: "arrow" }), { signal });
  const arrow = tableFromIPC(new Uint8Array(await found.arrayBuffer()));
  /** @type {Table} */
  const table = { size: arrow.numRows, total: 0, names: [], types: {}, columns: {} };
  table.total = Number(found.headers.get("x-total-count") ?? table.size);
  for (const field of arrow.schema.fields) {
    const column = arrow.getChild(field.name);
    table.names.push(field.name);
    const kind = kindOf(field.type.typeId);
    table.types[field.name] = kind;
    if (kind === "text") table.columns[field.name] = texts(column);
    else table.columns[field.name] = kind === "list" ? [...column] : numbers(column);
  }
  return table;
}

/** By the format's own numbers: Int 2, Float 3, Utf8 5, Bool 6, Date 8, LargeUtf8 20. @param {number} type */
function kindOf(type) {
  if (type === 2 || type === 3 || type === 6) return "number";
  if (type === 8) return "day";
  return type === 5 || type === 20 ? "text" : "list";
}

/** As floats, unknown ones as NaN: boxed nulls would cost more than all the rest. @param {any} column */
function numbers(column) {
  const found = new Float64Array(column.length);
  let at = 0;
  for (const batch of column.data) {
    const { values, validity, nullCount, length } = batch;
    if (batch.type.typeId === 6) for (let row = 0; row < length; row++) found[at + row] = batch.at(row) ? 1 : 0;
    else if (values instanceof BigInt64Array || values instanceof BigUint64Array) {
      for (let row = 0; row < length; row++) found[at + row] = Number(values[row]);
    } else found.set(values.subarray(0, length), at);
    if (nullCount) {
      for (let row = 0; row < length; row++) if (!((validity[row >> 3] >> (row & 7)) & 1)) found[at + row] = NaN;
    }
    at += length;
  }
  return found;
}

const decoder = new TextDecoder();

/** Texts, null for unknown ones; decoded at once where each sign is one byte. @param {any} column */
function texts(column) {
  /** @type {(string|null)[]} */
  const found = [];
  for (const batch of column.data) {
    const { values, offsets, validity, nullCount, length } = batch;
    const [begin, end] = offsets ? [Number(offsets[0]), Number(offsets[length])] : [0, 0];
    const whole = offsets ? decoder.decode(values.subarray(begin, end)) : "";
    if (!offsets || whole.length !== end - begin) {
      for (let row = 0; row < length; row++) found.push(batch.at(row));
      continue;
    }
    for (let row = 0; row < length; row++) {
      const known = !nullCount || (validity[row >> 3] >> (row & 7)) & 1;
      found.push(known ? whole.slice(Number(offsets[row]) - begin, Number(offsets[row + 1]) - begin) : null);
    }
  }
  return found;
}

/** @param {string} method @param {string} path @param {any} [body] @returns {Promise<any>} */
export async function send(method, path, body) {
  const headers = { accept: "application/json", "content-type": "application/json" };
  const found = await answer(address(path), { method, headers, body: body && JSON.stringify(body) });
  return found.json();
}

/**
 * Events as they come; the browser makes a lost connection again.
 * @param {string} path @param {Record<string, (data: any) => void>} told by the event's name
 * @param {(open: boolean) => void} [state]
 * @returns {() => void} ends it
 */
export function listen(path, told, state = () => {}) {
  if (still) return () => {}; // nothing comes
  const source = new EventSource(address(path));
  for (const [name, what] of Object.entries(told)) {
    source.addEventListener(name, (event) => what(JSON.parse(/** @type {MessageEvent} */ (event).data)));
  }
  source.addEventListener("open", () => state(true));
  source.addEventListener("error", () => state(false));
  return () => source.close();
}

/** @type {Map<string, Promise<any>>} */
const kept = new Map();

/** What does not change while the page is open. @param {string} path @returns {Promise<any>} */
export function once(path) {
  let found = kept.get(path);
  if (!found) {
    found = getJson(path);
    found.catch(() => kept.delete(path));
    kept.set(path, found);
  }
  return found;
}

/**
 * The known columns by name.
 * @typedef {{name: string, title: string, unit: string, group: string, low: number|null, high: number|null,
 *   type: string, source: string, meaning: string, always: boolean, late: boolean, needs: string[]}} Column
 */

/** @type {Map<string, Column>} */
export const columns = new Map();

/** @returns {Promise<Map<string, Column>>} */
export async function loadColumns() {
  if (!columns.size) for (const one of (await once("/columns")).columns) columns.set(one.name, one);
  return columns;
}
