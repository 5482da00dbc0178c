// @ts-check
// A job of the server: begun, followed, ended.

import { getJson, listen, send } from "./api.js";
import { fill, h } from "./dom.js";
import * as format from "./format.js";

export class JobView {
  /** @param {(job: any) => void} over called with the job and its result when it is done */
  constructor(over) {
    this.over = over;
    this.root = h("div.job", { "aria-live": "polite" });
    this.number = 0;
    /** @type {() => void} */
    this.stop = () => {};
  }

  /** @param {any} wanted as of POST /jobs @returns {Promise<number>} */
  async begin(wanted) {
    const job = await send("POST", "/jobs", wanted);
    return job.job;
  }

  /** Follow a job. @param {number} number 0 for none */
  follow(number) {
    if (number === this.number) return;
    this.stop();
    this.number = number;
    fill(this.root);
    if (!number) return;
    const told = (/** @type {any} */ job) => this.draw(job);
    this.stop = listen(
      `/jobs/${number}/events`,
      {
        progress: told,
        state: (job) => {
          this.stop();
          this.draw(job);
          this.finish(number);
        },
      },
      (open) => {
        if (!open && this.number === number)
          getJson(`/jobs/${number}`).then(told, (error) => {
            this.stop();
            fill(this.root, h("p.error", {}, error.message));
          });
      },
    );
  }

  /** @param {number} number */
  async finish(number) {
    const job = await getJson(`/jobs/${number}`).catch((error) => fill(this.root, h("p.error", {}, error.message)));
    if (job && this.number === number) this.over(job);
  }

  /** @param {any} job */
  draw(job) {
    const { done, all, what } = job.progress;
    const running = job.state === "running";
    fill(
      this.root,
      h(
        "div.panel",
        { "data-state": job.state },
        h(
          "p",
          {},
          h("span.state", {}, running ? what || "begins" : job.state === "ended" ? "cancelled" : job.state),
          h("span.muted", {}, ` ${job.kind} ${job.job}, begun ${format.clock(job.began)}`),
          running && all ? h("span.muted", {}, `, ${format.fixed(done, 0)} of ${format.fixed(all, 0)}`) : null,
        ),
        running ? h("progress", { max: all || null, value: all ? done : null, "aria-label": "Progress" }) : null,
        job.error ? h("p.error", {}, job.error) : null,
        running ? h("button", { onclick: () => this.end() }, "Cancel") : null,
      ),
    );
  }

  async end() {
    try {
      await send("DELETE", `/jobs/${this.number}`);
    } catch (error) {
      this.root.append(h("p.error", {}, /** @type {Error} */ (error).message));
    }
  }

  dispose() {
    this.stop();
    this.number = 0;
  }
}

/** What was begun since the server started. @param {string} kind @param {(number: number) => void} chosen */
export async function earlier(kind, chosen) {
  const { jobs } = await getJson("/jobs");
  const own = jobs.filter((/** @type {any} */ one) => one.kind === kind);
  if (!own.length) return null;
  return h(
    "div.legend",
    {},
    h("span.muted", {}, "earlier:"),
    own.map((/** @type {any} */ one) =>
      h(
        "button.quiet",
        { onclick: () => chosen(one.job) },
        `${one.job} ${one.asked.where ?? one.asked.screens?.join(", ") ?? ""} (${one.state})`,
      ),
    ),
  );
}
