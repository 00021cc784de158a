/** The list of jobs: which of them the page shows, in which order, and what of them is hidden. */

import { announce, at, setText } from "./dom.js";
import { Following } from "./following.js";
import { JobView } from "./job_view.js";

const LISTED = 200; // jobs of the list: as many are asked for, and as many that have ended stay on the page

export class JobList {
  /** `connection(isConnected)` is called when the gateway is lost and found. */
  constructor(jobs, { connection }) {
    this.jobs = jobs;
    this.views = new Map();
    this.own = new Set(); // ids of the jobs that this page has submitted
    this.following = new Following(jobs, { take: (record) => this.take(record), connection, limit: LISTED });
  }

  start() {
    at("filter").addEventListener("change", () => this.#filter());
    window.addEventListener("hashchange", () => this.openLinked());
    this.following.keepListing().catch((error) => this.#cannotList(error));
  }

  /** Returns whether the job is new here or has another status than before. */
  take(record) {
    const view = this.views.get(record.job_id);
    const isChanged = view === undefined || view.take(record);
    if (view === undefined) this.#show(record);
    else if (isChanged) announce(`${view.name}: ${record.status}`);
    this.following.note((view ?? this.views.get(record.job_id)).record);
    this.#forgetOldest();
    this.#filter();
    return isChanged;
  }

  /** Takes the record of a job that this page has submitted: it stays on the page. */
  takeOwn(record) {
    this.own.add(record.job_id);
    this.take(record);
  }

  /** Opens the job that the address of the page names, if it names one. */
  async openLinked() {
    const id = linkedJob();
    if (!id) return;
    try {
      if (!this.views.has(id)) this.take(await this.jobs.get(id));
      this.views.get(id).open();
    } catch (error) {
      announce(error.message);
      setText(at("notice"), error.message);
    }
  }

  /** Says how many entries are shown, those of files that are being uploaded included. */
  count() {
    const shown = at("jobs").querySelectorAll(":scope > li:not([hidden])").length;
    setText(at("count"), shown === 0 ? "" : String(shown));
    at("empty").hidden = shown > 0;
  }

  #show(record) {
    const view = new JobView(record, {
      cancel: (id) => this.jobs.cancel(id),
      retry: (id) => this.jobs.retry(id),
      outputUrl: (id, number) => this.jobs.outputUrl(id, number),
      take: (changed) => this.take(changed),
    });
    this.views.set(record.job_id, view);
    const older = Array.from(this.views.values()).filter((each) => each !== view && each.record.created_at < record.created_at);
    const next = older.sort((a, b) => b.record.created_at.localeCompare(a.record.created_at))[0];
    if (next) next.element.before(view.element);
    else at("jobs").append(view.element);
  }

  /** Of the jobs from elsewhere that have ended, those that ended last stay, and what somebody looks at. */
  #forgetOldest() {
    const linked = linkedJob();
    const others = Array.from(this.views).filter(([id, view]) => view.isFinal && !this.own.has(id) && !view.isInUse && id !== linked);
    const tooMany = others.length - LISTED;
    if (tooMany <= 0) return;
    others.sort(([, a], [, b]) => a.record.updated_at.localeCompare(b.record.updated_at));
    for (const [id, view] of others.slice(0, tooMany)) {
      view.element.remove();
      this.views.delete(id);
      this.following.forget(id);
    }
  }

  #cannotList(error) {
    setText(at("notice"), `Jobs from elsewhere are not listed: ${error.message}`);
  }

  #filter() {
    const wanted = at("filter").value;
    for (const view of this.views.values()) {
      const isWanted = wanted === "all" || (wanted === "active" ? !view.isFinal : view.record.status === wanted);
      view.element.hidden = !isWanted;
    }
    this.count();
  }
}

/** The id of the job that the address of the page names. */
function linkedJob() {
  return new URLSearchParams(location.hash.slice(1)).get("job");
}
