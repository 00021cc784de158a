/** Files that are put into S3: small ones by one form, others in parts, of which none is sent twice. */

import { insistently, isTransient, JobsError } from "./errors.js";
import { formOf, sendToS3 } from "./sending.js";

const IN_PARTS_BYTES = 8 * 1024 ** 2; // what is not larger is sent at once
const PARTS_AT_ONCE = 3;
const KEPT = "audio-upload:";
const KEPT_MS = 24 * 3600 * 1000; // buckets should abort what is older

export class Uploads {
  /** `ask(method, path, {body, signal})` resolves with the gateway's answer. `url` is the gateway's. */
  constructor(ask, url) {
    this.ask = ask;
    this.url = url;
  }

  /** Resolves with the file's `source`. `onProgress({sent, total})` counts bytes. */
  async upload(file, { name, type, onProgress, signal }) {
    const about = { name, bytes: file.size, content_type: type };
    if (file.size <= IN_PARTS_BYTES) return insistently(() => this.#atOnce(file, about, onProgress, signal), signal);
    try {
      return await this.#inParts(file, about, onProgress, signal);
    } catch (error) {
      if (signal?.aborted || !isTransient(error)) await this.discard(file);
      throw error;
    }
  }

  /** Gives up what was begun of a file: S3 deletes its parts. */
  async discard(file) {
    const upload = this.#kept(file);
    if (upload === null) return;
    write(this.#key(file), null);
    // Where this fails, too, the bucket's own rule deletes the parts.
    await this.ask("DELETE", pathOf(upload), {}).catch(() => {});
  }

  /** Files whose uploads were begun here and have not ended: `{name, bytes}`. Given the same file, `upload` goes on. */
  interrupted() {
    const found = keys().filter((key) => key.startsWith(`${KEPT}${this.url}|`)).map((key) => read(key));
    return found.filter((kept) => isRecent(kept)).map(({ name, bytes }) => ({ name, bytes }));
  }

  async #atOnce(file, about, onProgress, signal) {
    const form = await this.ask("POST", "/uploads", { body: about, signal });
    // What is sent is the whole form: its fields count for nothing.
    const onSent = (bytes) => onProgress({ sent: Math.min(bytes, file.size), total: file.size });
    await sendToS3("POST", form.url, formOf(form.fields, file), { onSent, signal });
    return form.source;
  }

  async #inParts(file, about, onProgress, signal) {
    const upload = (await this.#resumed(file, signal)) ?? (await this.#begun(file, about, signal));
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
    const { source } = await insistently(() => this.ask("POST", `${pathOf(upload)}/complete`, { signal }), signal);
    write(this.#key(file), null);
    return source;
  }

  async #part(upload, number, file, onSent, signal) {
    const begin = (number - 1) * upload.part_bytes;
    const { url, bytes } = await this.ask("GET", `${pathOf(upload)}/parts/${number}`, { signal });
    await sendToS3("PUT", url, file.slice(begin, begin + bytes), { onSent, signal }); // a slice has no type: none is signed
  }

  async #begun(file, about, signal) {
    const upload = await insistently(() => this.ask("POST", "/uploads/multipart", { body: about, signal }), signal);
    write(this.#key(file), { upload: upload.upload, name: about.name, bytes: file.size, at: Date.now() });
    return upload;
  }

  /** The upload of this file that was begun before; null where there is none, or S3 has deleted it. */
  async #resumed(file, signal) {
    const kept = this.#kept(file);
    if (kept === null) return null;
    try {
      return await insistently(() => this.ask("GET", pathOf(kept), { signal }), signal);
    } catch (error) {
      if (!(error instanceof JobsError) || error.status !== 404) throw error;
      write(this.#key(file), null);
      return null;
    }
  }

  #kept(file) {
    const kept = read(this.#key(file));
    return isRecent(kept) ? kept : null;
  }

  /** What tells a file from others without reading it. */
  #key(file) {
    return [`${KEPT}${this.url}`, file.name, file.size, file.lastModified].join("|");
  }
}

function pathOf({ upload }) {
  return `/uploads/multipart/${upload}`;
}

function numbers(count) {
  return Array.from({ length: count }, (_, index) => index + 1);
}

function sum(values) {
  return Array.from(values).reduce((total, value) => total + value, 0);
}

function isRecent(kept) {
  return typeof kept?.upload === "string" && Date.now() - kept.at < KEPT_MS;
}

// Without a storage, as in Node, an upload goes on as long as the program runs.
const memory = new Map();

function keys() {
  try {
    return Object.keys(globalThis.localStorage);
  } catch {
    return Array.from(memory.keys());
  }
}

function read(key) {
  try {
    return JSON.parse(globalThis.localStorage.getItem(key));
  } catch {
    return memory.get(key) ?? null;
  }
}

function write(key, value) {
  try {
    if (value === null) globalThis.localStorage.removeItem(key);
    else globalThis.localStorage.setItem(key, JSON.stringify(value));
  } catch {
    if (value === null) memory.delete(key);
    else memory.set(key, value);
  }
}
