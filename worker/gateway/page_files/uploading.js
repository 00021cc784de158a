/** Files that are put into S3: small ones by one form, others in parts, of which none is sent twice. */

import { insistently, JobsError } from "./errors.js";
import { KeptUploads } from "./kept_uploads.js";
import { formOf, sendToS3 } from "./sending.js";

const IN_PARTS_BYTES = 8 * 1024 ** 2; // what is not larger is sent at once
const PARTS_AT_ONCE = 3;
const REFUSED = new Set([404, 413, 422]); // S3 has deleted the upload, or its file is not taken: it cannot go on

export class Uploads {
  /** `ask(method, path, {body, signal})` resolves with the gateway's answer. `url` is the gateway's. */
  constructor(ask, url) {
    this.ask = ask;
    this.kept = new KeptUploads(url);
  }

  /** Resolves with the file's `source`. `onProgress({sent, total})` counts bytes. */
  async upload(file, { name, type, onProgress, signal }) {
    const about = { name, bytes: file.size, content_type: type };
    if (file.size <= IN_PARTS_BYTES) return insistently(() => this.#atOnce(file, about, onProgress, signal), signal);
    const resumed = await this.kept.take(file, { name, type });
    try {
      if (resumed !== null) return await this.#inParts(resumed, null, file, onProgress, signal);
    } catch (error) {
      if (!isGone(error)) throw error;
    }
    const state = await insistently(() => this.ask("POST", "/uploads/multipart", { body: about, signal }), signal);
    return this.#inParts(await this.kept.add(state.upload, file, { name, type }), state, file, onProgress, signal);
  }

  /** Gives up what was begun of a file and nobody sends now: S3 deletes its parts. */
  async discard(file, { name, type }) {
    const kept = await this.kept.take(file, { name, type });
    if (kept === null) return;
    await this.#giveUp(kept);
    kept.release();
  }

  /** Resolves with the files whose uploads were begun in this browser and nobody sends now: `{name, bytes}`. */
  interrupted() {
    return this.kept.idle();
  }

  async #atOnce(file, about, onProgress, signal) {
    const form = await this.ask("POST", "/uploads", { body: about, signal });
    // What is sent is the whole form: its fields count for nothing.
    const onSent = (bytes) => onProgress({ sent: Math.min(bytes, file.size), total: file.size });
    await sendToS3("POST", form.url, formOf(form.fields, file), { onSent, signal });
    return form.source;
  }

  async #inParts(kept, state, file, onProgress, signal) {
    try {
      const source = await this.#sourceOf(kept.upload, state, file, onProgress, signal);
      kept.forget();
      return source;
    } catch (error) {
      if (signal?.aborted || !kept.isKept || REFUSED.has(error.status)) await this.#giveUp(kept);
      throw error;
    } finally {
      kept.release();
    }
  }

  /** Where S3 no longer knows the upload, it may be complete: another tab has asked for that, or an answer was lost. */
  async #sourceOf(upload, state, file, onProgress, signal) {
    try {
      const known = state ?? (await insistently(() => this.ask("GET", pathOf(upload), { signal }), signal));
      await this.#send(known, file, onProgress, signal);
    } catch (error) {
      if (!isGone(error)) throw error;
    }
    return (await insistently(() => this.ask("POST", `${pathOf(upload)}/complete`, { signal }), signal)).source;
  }

  async #send(upload, file, onProgress, signal) {
    const sizeOf = (number) => Math.min(upload.part_bytes, file.size - (number - 1) * upload.part_bytes);
    const sent = new Map(upload.sent.map((number) => [number, sizeOf(number)]));
    const report = () => onProgress({ sent: sum(sent.values()), total: file.size });
    report();
    const waiting = numbers(upload.parts).filter((number) => !sent.has(number));
    const failure = new AbortController(); // one part that fails stops the others
    const either = AbortSignal.any([failure.signal, ...(signal ? [signal] : [])]);
    const sendNext = async () => {
      for (let number = waiting.shift(); number !== undefined; number = waiting.shift()) {
        const part = number;
        const note = (bytes) => report(sent.set(part, bytes));
        await insistently(() => this.#part(upload, part, file, note, either), either);
        note(sizeOf(part));
      }
    };
    try {
      await Promise.all(numbers(PARTS_AT_ONCE).map(sendNext));
    } catch (error) {
      failure.abort(error);
      throw error;
    }
  }

  async #part(upload, number, file, onSent, signal) {
    const begin = (number - 1) * upload.part_bytes;
    const { url, bytes } = await this.ask("GET", `${pathOf(upload.upload)}/parts/${number}`, { signal });
    await sendToS3("PUT", url, file.slice(begin, begin + bytes), { onSent, signal }); // a slice has no type: none is signed
  }

  async #giveUp(kept) {
    kept.forget();
    // Where it fails five times, the bucket's own rule deletes the parts.
    await insistently(() => this.ask("DELETE", pathOf(kept.upload), {})).catch(() => {});
  }
}

function isGone(error) {
  return error instanceof JobsError && error.status === 404;
}

function pathOf(upload) {
  return `/uploads/multipart/${upload}`;
}

function numbers(count) {
  return Array.from({ length: count }, (_, index) => index + 1);
}

function sum(values) {
  return Array.from(values).reduce((total, value) => total + value, 0);
}
