/**
 * Submits audio-conversion jobs to a gateway (`worker serve`) and follows them. No dependency; browsers and Node 20.
 *
 *     import { Jobs } from "https://gateway.example.com/page/jobs.js";
 *     const jobs = new Jobs({ url: "https://gateway.example.com", token });
 *     const source = await jobs.upload(file, { onProgress: ({ sent, total }) => … });
 *     const { job_id } = await jobs.submit({ source, outputs: [{ target: "s3://…/a.mp3", format: "mp3" }] });
 *     for await (const record of jobs.watch(job_id)) console.log(record.status, record.percent);
 */

import { insistently, JobsError, sleep } from "./errors.js";
import { readEvents } from "./events.js";
import { Uploads } from "./uploading.js";

export { JobsError, sleep };

const FINAL = new Set(["completed", "failed", "cancelled"]);
const SILENCE_MS = 45_000; // a stream has a comment every 15 s: after three without one it is dead
const FIRST_WAIT_MS = 500;
const MOST_WAIT_MS = 15_000;
const OCTETS = "application/octet-stream";
const UPLOADABLE =
  /^((audio|video)\/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,100}|application\/(octet-stream|ogg|mp4))(; ?[A-Za-z0-9_-]{1,40}=([A-Za-z0-9_.+-]{1,100}|"[A-Za-z0-9_.,+ -]{1,100}")){0,4}$/;

/** Whether nothing more will happen to the job, unless it is retried. */
export function isFinal(record) {
  return FINAL.has(record.status);
}

/**
 * Whether `record` counts and no longer `other`, of the same job (progress.md): a completed one before all others, then
 * one of a later run; within a run a final one, else the one with the higher `fence` and `seq`.
 */
export function isNewer(record, other) {
  const mine = rank(record);
  const theirs = rank(other);
  const at = mine.findIndex((each, index) => each !== theirs[index]);
  return at >= 0 && mine[at] > theirs[at];
}

function rank(record) {
  return [Number(record.status === "completed"), record.run ?? 1, Number(isFinal(record)), record.fence, record.seq];
}

/** An id that no other job has and that shows what it is about, such as "interview-20261122T200102-7f3a9c". */
export function newJobId(name) {
  const readable = name.replace(/\.[^.]*$/, "").replace(/[^A-Za-z0-9._-]+/g, "-").replace(/^[-.]+|[-.]+$/g, "");
  const time = new Date().toISOString().replace(/\.\d+Z$/, "").replace(/[-:]/g, "");
  const random = crypto.getRandomValues(new Uint8Array(3));
  const suffix = Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return `${readable.slice(0, 64) || "job"}-${time}-${suffix}`;
}

export class Jobs {
  #uploads;

  /** `url`: of the gateway, by default the page's own origin. `token`: its bearer token, where it has one. */
  constructor({ url = "", token = null } = {}) {
    this.url = url.replace(/\/$/, "");
    this.token = token;
    this.#uploads = new Uploads((method, path, options) => this.#json(method, path, options), this.url);
  }

  /** Where uploads and targets lie here: `{source, target, max_bytes, presets}`. */
  places({ signal } = {}) {
    return this.#json("GET", "/uploads", { signal });
  }

  /** The JSON Schema of a message. */
  async messageSchema({ signal } = {}) {
    const document = await this.#json("GET", "/openapi.json", { signal });
    return document.components.schemas.Message;
  }

  /** The state of the gateway and of the stores that it reads from. */
  health({ signal } = {}) {
    return this.#json("GET", "/health", { signal });
  }

  /**
   * Uploads a file to S3, past the gateway. Returns what a message names it by, in `source`.
   *
   * `onProgress({sent, total})` counts bytes, in browsers. A connection that breaks is tried again, five times. What is
   * larger than 8 MiB is sent in parts: called again with the same file, also after a reload, this goes on where it
   * stopped. A Blob that is no File cannot be told from another, so its upload begins anew. Aborted by the signal, an
   * upload is given up.
   */
  upload(file, { name = nameOf(file), onProgress = () => {}, signal } = {}) {
    return this.#uploads.upload(file, { name, type: typeOf(file), onProgress, signal });
  }

  /** Gives up the upload of a file that was interrupted, of that name: S3 deletes what it has of it. */
  discardUpload(file, { name = nameOf(file) } = {}) {
    return this.#uploads.discard(file, { name, type: typeOf(file) });
  }

  /** Resolves with files whose uploads were interrupted here: `[{name, bytes}]`. Given one again, `upload` goes on. */
  interruptedUploads() {
    return this.#uploads.interrupted();
  }

  /**
   * Puts a job on the queue. Returns its first record. Throws JobsError: 422 with the `field`, 409 with the `record`.
   *
   * A message without a `job_id` gets one here, so that a request whose answer was lost can be repeated.
   */
  submit(message, { signal } = {}) {
    const body = { ...message, job_id: message.job_id ?? newJobId(nameIn(message.source)) };
    let maybeMade = false; // by a try whose answer was lost: a worker may have the job since then
    const attempt = async () => {
      try {
        return await this.#json("POST", "/jobs", { body, signal });
      } catch (error) {
        if (maybeMade && error.status === 409 && error.record) return error.record;
        maybeMade ||= error.status === 0 || error.status >= 500;
        throw error;
      }
    };
    return insistently(attempt, signal);
  }

  /** The newest record; `fresh` is false where a store could not be asked. Throws JobsError: 404. */
  get(jobId, { signal } = {}) {
    return this.#json("GET", `/jobs/${encodeURIComponent(jobId)}`, { signal });
  }

  /** The newest records of all jobs, or of those with a status. */
  async list({ status = null, limit = 50, signal } = {}) {
    return (await this.page({ status, limit, signal })).records;
  }

  /** A page of what `list` returns: `{records, after}`. Given that `after`, it is the next one; null is the end. */
  async page({ status = null, limit = 50, after = [], signal } = {}) {
    const query = new URLSearchParams({ limit, ...(status ? { status } : {}) });
    for (const each of after) query.append("after", each);
    const answer = await this.#ask("GET", `/jobs?${query}`, { signal, accept: "application/json" });
    const next = /<([^>]+)>; rel="next"/.exec(answer.headers.get("link"))?.[1];
    const records = await readJson(answer, signal);
    return { records, after: next ? new URL(next, "http://gateway").searchParams.getAll("after") : null };
  }

  /** Asks for the end of a job, which comes within seconds. */
  cancel(jobId, { signal } = {}) {
    return this.#json("DELETE", `/jobs/${encodeURIComponent(jobId)}`, { signal });
  }

  /** Begins the next run of a job that failed or was cancelled. */
  retry(jobId, { signal } = {}) {
    return this.#json("POST", `/jobs/${encodeURIComponent(jobId)}/retry`, { signal });
  }

  /** A URL of S3 that downloads an output, for five minutes. Outputs are numbered from 0. */
  async outputUrl(jobId, number, { signal } = {}) {
    return (await this.#json("GET", `/jobs/${encodeURIComponent(jobId)}/outputs/${number}`, { signal })).url;
  }

  /** Each newer record of a job, up to the final one, through lost connections. Throws JobsError for what stays. */
  watch(jobId, { signal } = {}) {
    return this.watchAll([jobId], { signal });
  }

  /**
   * Each newer record of up to 50 jobs, over one connection, up to the final ones of all. Unknown jobs are left out.
   *
   * `onConnection(isConnected)` is called when the connection is lost, and when it is back.
   */
  async *watchAll(jobIds, { signal, onConnection = () => {} } = {}) {
    const newest = new Map();
    let wait = FIRST_WAIT_MS;
    for (;;) {
      const open = jobIds.filter((id) => !newest.has(id) || !isFinal(newest.get(id)));
      if (open.length === 0) return;
      try {
        for await (const record of this.#events(open, signal)) {
          wait = FIRST_WAIT_MS;
          onConnection(true);
          const last = newest.get(record.job_id);
          if (last && !isNewer(record, last)) continue;
          newest.set(record.job_id, record);
          yield record;
        }
        // Unknown jobs are not waited for: without them, a stream that ends in order has shown all ends.
        if (open.every((id) => !newest.has(id) || isFinal(newest.get(id)))) return;
      } catch (error) {
        signal?.throwIfAborted();
        if (!(error instanceof JobsError) || !error.isTransient) throw error;
        onConnection(false);
      }
      await sleep(wait * (0.5 + Math.random() / 2), signal);
      wait = Math.min(wait * 2, MOST_WAIT_MS);
    }
  }

  async *#events(jobIds, signal) {
    const silence = new AbortController();
    const either = AbortSignal.any([silence.signal, ...(signal ? [signal] : [])]);
    const query = new URLSearchParams(jobIds.map((id) => ["job_id", id]));
    let timer;
    const heard = () => {
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), SILENCE_MS);
    };
    heard();
    try {
      const answer = await this.#ask("GET", `/events?${query}`, { accept: "text/event-stream", signal: either });
      for await (const { event, data } of readEvents(answer.body, heard)) {
        if (event === "progress") yield JSON.parse(data);
      }
    } catch (error) {
      signal?.throwIfAborted();
      throw error instanceof JobsError ? error : new JobsError("The connection to the gateway was lost.");
    } finally {
      clearTimeout(timer);
      silence.abort(); // a reader that stops early leaves no connection behind
    }
  }

  async #json(method, path, { body, signal } = {}) {
    const answer = await this.#ask(method, path, { body, signal, accept: "application/json" });
    return answer.status === 204 ? null : readJson(answer, signal);
  }

  /** Throws JobsError for every answer from 400 up, and TypeError for a body that is no JSON. */
  async #ask(method, path, { body, signal, accept }) {
    const headers = this.#headers(accept);
    if (body !== undefined) headers.set("content-type", "application/json");
    const text = body && JSON.stringify(body);
    let answer;
    try {
      answer = await fetch(this.url + path, { method, headers, body: text, signal });
    } catch {
      signal?.throwIfAborted();
      throw new JobsError("The gateway cannot be reached.");
    }
    if (!answer.ok) throw await problemOf(answer);
    return answer;
  }

  /** A token that no header can carry is as wrong as one that the gateway refuses, and no lost connection. */
  #headers(accept) {
    const headers = new Headers({ accept });
    try {
      if (this.token) headers.set("authorization", `Bearer ${this.token}`);
    } catch {
      throw new JobsError("The token has characters that no header can carry.", { status: 401 });
    }
    return headers;
  }
}

async function readJson(answer, signal) {
  try {
    return await answer.json();
  } catch {
    signal?.throwIfAborted();
    throw new JobsError("The connection to the gateway was lost.");
  }
}

async function problemOf(answer) {
  const problem = await answer.json().catch(() => ({}));
  return new JobsError(problem.detail ?? `The gateway answered with status ${answer.status}.`, {
    status: answer.status,
    field: problem.field,
    record: problem.record,
    retryAfter: Number(answer.headers.get("retry-after")) || null,
  });
}

function nameOf(file) {
  return file.name ?? "audio";
}

function typeOf(file) {
  return UPLOADABLE.test(file.type) ? file.type : OCTETS;
}

function nameIn(source) {
  return typeof source === "string" ? source.slice(source.lastIndexOf("/") + 1) : "job";
}
