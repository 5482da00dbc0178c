// @ts-check
// A page without a server: answers that were asked for beforehand lie beside it as files (`tapescan page`).

const contents = document.documentElement.dataset.answers ?? "";

/** Whether this page is one. */
export const still = contents !== "";

/** Parameters that choose among what a file holds; as in `site.py`. */
const CHOICES = new Set(["columns", "features", "top", "sessions", "format"]);
/** What a symbol's file says hangs on no list, and of closes there is one file. */
const FURTHER = ["screens", "where", "rank_by", "expiry"];

/** @type {Promise<Record<string, string>>|undefined} */
let known;

/** The file that answers a request; nothing where none does. @param {string} url as of `api.js` */
export async function fileOf(url) {
  known ??= fetch(contents).then((found) => found.json());
  const { pathname, searchParams } = new URL(url, location.origin);
  const path = pathname.replace(/^\/api\/v1/, "");
  const form = searchParams.get("format") === "arrow" ? "arrow" : "json";
  const said = [...searchParams]
    .filter(([name, value]) => value && !CHOICES.has(name))
    .filter(([name]) => !(path.startsWith("/symbols/") && FURTHER.includes(name)))
    .filter(([name]) => !(path === "/closes" && name === "symbols"))
    .sort(([one], [other]) => (one < other ? -1 : 1));
  return (await known)[`${form} ${path} ${JSON.stringify(said)}`];
}
