/** Keeps the jobs of the page up to date: one stream for those that go on, and the list for what comes from elsewhere. */

import { isFinal, JobsError, sleep } from "./jobs.js";

const MOST = 50; // of one stream
const LIST_MS = 5000;
const AGAIN_MS = 1000;
const PAGE = 25; // jobs of the list in one answer, which a slow table gives within its second
const FEWEST = 10;
const GATHER_MS = 300; // jobs that are submitted together are followed by one stream

export class Following {
  /**
   * `take(record)` is called for each record and returns whether it has changed what is shown; `connection(isConnected)`
   * when the gateway is lost and found. `limit`: how many jobs of the list are read.
   */
  constructor(jobs, { take, connection, limit }) {
    this.jobs = jobs;
    this.take = take;
    this.connection = connection;
    this.limit = limit;
    this.size = PAGE;
    this.after = [];
    this.listed = 0;
    this.isListed = false;
    this.states = new Map(); // that the list has shown, by job
    this.open = new Map();
    this.followed = new Set();
    this.abort = new AbortController();
  }

  /** Says that the job is shown, and in which state: it is followed unless it has ended. */
  note(record) {
    if (isFinal(record)) {
      this.open.delete(record.job_id);
      this.followed.delete(record.job_id);
    } else this.open.set(record.job_id, record);
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.#renew();
    }, GATHER_MS);
  }

  /** Says that the job, which has ended, is no longer shown. */
  forget(jobId) {
    this.states.delete(jobId);
  }

  /** Reads the list again and again while the page is seen. Ends with the error where that is for good. */
  async keepListing() {
    for (;;) await sleep(document.hidden ? LIST_MS : await this.#readPage());
  }

  /** Returns after how many milliseconds to go on: with the next page, or with the newest where the others are shown. */
  async #readPage() {
    try {
      const { records, after } = await this.jobs.page({ limit: this.size, after: this.after });
      this.connection(true);
      const news = records.filter((record) => this.#isNewInList(record));
      records.forEach((record) => this.take(record));
      this.listed += records.length;
      const hasShownRest = this.listed >= this.limit || (this.isListed && news.length === 0);
      if (after !== null && !hasShownRest) {
        this.after = after;
        return 0;
      }
      this.after = [];
      this.listed = 0;
      this.isListed = true;
      this.size = Math.min(this.size * 2, PAGE);
      return LIST_MS;
    } catch (error) {
      if (!(error instanceof JobsError) || !error.isTransient || error.status === 501) throw error;
      if (error.status === 503) this.size = Math.max(Math.floor(this.size / 4), FEWEST); // too many for one answer
      if (error.status === 0) this.connection(false);
      return AGAIN_MS;
    }
  }

  /** Streams may have shown it already: they say nothing of the jobs that come behind it in the list. */
  #isNewInList(record) {
    const state = `${record.run} ${record.status}`;
    const isNew = this.states.get(record.job_id) !== state;
    this.states.set(record.job_id, state);
    return isNew;
  }

  /** Jobs that run come before those that wait, of which there may be more than one stream takes. */
  #renew() {
    const isRunning = (record) => Number(record.status === "running");
    const ranked = Array.from(this.open.values()).sort((a, b) => isRunning(b) - isRunning(a));
    const wanted = ranked.slice(0, MOST).map((record) => record.job_id);
    if (wanted.length === this.followed.size && wanted.every((id) => this.followed.has(id))) return;
    this.abort.abort();
    this.abort = new AbortController();
    this.followed = new Set(wanted);
    if (wanted.length > 0) this.#follow(wanted, this.abort.signal);
  }

  async #follow(ids, signal) {
    try {
      for await (const record of this.jobs.watchAll(ids, { signal, onConnection: this.connection })) this.take(record);
    } catch {
      if (!signal.aborted) this.followed = new Set(); // the list goes on, and the next job begins a new stream
    }
  }
}
