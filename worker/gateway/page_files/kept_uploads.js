/** Uploads in parts that have begun: kept for a day, so that they can go on, and each sent by one caller at a time. */

const PREFIX = "audio-upload:";
const KEPT_MS = 24 * 3600 * 1000; // buckets should abort what is older

export class KeptUploads {
  /** `url` is the gateway's. */
  constructor(url) {
    this.url = url;
  }

  /** Resolves with an upload of this file that nobody sends now, for the caller alone; null where there is none. */
  async take(file, { name, type }) {
    const prefix = this.#prefix(file, name, type);
    if (prefix === null) return null;
    for (const entry of entries().filter((each) => each.startsWith(prefix))) {
      const release = await lock(entry);
      const kept = read(entry); // another tab may have ended it
      if (release !== null && kept !== null) return new KeptUpload(entry, kept.upload, release);
      release?.();
    }
    return null;
  }

  /** Resolves with an upload that has begun, for the caller alone. It is kept only where its file can be told. */
  async add(upload, file, { name, type }) {
    const prefix = this.#prefix(file, name, type);
    if (prefix === null) return new KeptUpload(null, upload, () => {});
    const entry = prefix + upload;
    const release = (await lock(entry)) ?? (() => {});
    write(entry, { url: this.url, upload, name, bytes: file.size, at: Date.now() });
    return new KeptUpload(entry, upload, release);
  }

  /** Resolves with the files whose uploads nobody sends now: `{name, bytes}`. */
  async idle() {
    const inUse = await locked();
    const idle = entries().filter((entry) => !inUse.has(entry)).map(read);
    return idle.filter((kept) => kept?.url === this.url).map(({ name, bytes }) => ({ name, bytes }));
  }

  /** What tells a file from others without reading it; null for a Blob, which has neither a name nor a time. */
  #prefix(file, name, type) {
    if (!Number.isFinite(file.lastModified)) return null;
    const folder = file.webkitRelativePath?.replace(/[^/]*$/, "") ?? "";
    return PREFIX + JSON.stringify([this.url, folder, file.name, name, type, file.size, file.lastModified]);
  }
}

class KeptUpload {
  constructor(entry, upload, release) {
    this.entry = entry;
    this.upload = upload;
    this.release = release; // others may send it then
  }

  /** Whether it can go on later. */
  get isKept() {
    return this.entry !== null;
  }

  forget() {
    if (this.isKept) write(this.entry, null);
  }
}

// Without a storage, or where it is full, an upload goes on as long as the page or the program runs.
const memory = new Map();

/** The names of all entries. Those that are too old, or no entries of this version, are removed. */
function entries() {
  const found = new Set([...memory.keys(), ...storedKeys().filter((key) => key.startsWith(PREFIX))]);
  for (const entry of found) {
    if (isRecent(read(entry))) continue;
    write(entry, null);
    found.delete(entry);
  }
  return Array.from(found);
}

function isRecent(kept) {
  return typeof kept?.upload === "string" && Date.now() - kept.at < KEPT_MS;
}

function storedKeys() {
  try {
    return Object.keys(globalThis.localStorage);
  } catch {
    return [];
  }
}

function read(entry) {
  if (memory.has(entry)) return memory.get(entry);
  try {
    return JSON.parse(globalThis.localStorage.getItem(entry));
  } catch {
    return null;
  }
}

function write(entry, value) {
  memory.delete(entry);
  try {
    if (value === null) globalThis.localStorage.removeItem(entry);
    else globalThis.localStorage.setItem(entry, JSON.stringify(value));
  } catch {
    if (value !== null) memory.set(entry, value);
  }
}

// Web Locks exclude other tabs, too. Where there are none, as without HTTPS, this module excludes its own callers.
const taken = new Set();

/** Resolves with what frees the name again; null where another holds it. */
function lock(name) {
  return new Promise((resolve) => {
    const hold = (held) => (held ? new Promise((release) => resolve(release)) : resolve(null));
    const request = globalThis.navigator?.locks?.request(name, { ifAvailable: true }, hold) ?? Promise.reject();
    request.catch(() => resolve(lockHere(name)));
  });
}

function lockHere(name) {
  if (taken.has(name)) return null;
  taken.add(name);
  return () => taken.delete(name);
}

async function locked() {
  const held = await globalThis.navigator?.locks?.query().then((state) => state.held, () => []);
  return new Set([...taken, ...(held ?? []).map(({ name }) => name)]);
}
