/** The page: connects the form, the uploads and the list of jobs with the gateway. */

import { announce, at, setText } from "./dom.js";
import { acceptFiles } from "./intake.js";
import { JobList } from "./job_list.js";
import { Jobs, JobsError, newJobId, sleep } from "./jobs.js";
import { OutputSchema, OutputsForm, withTargets } from "./outputs.js";
import { UploadView } from "./upload_view.js";
import { bytes, clock } from "./words.js";

const UPLOADS_AT_ONCE = 3;
const HEALTH_MS = 2000;
const OUTPUTS_KEY = "outputs";
const TOKEN_KEY = "token";
const THEME_KEY = "theme";

class Page {
  constructor(token) {
    this.jobs = new Jobs({ token });
    this.list = new JobList(this.jobs, { connection: (isConnected) => this.connection(isConnected) });
    this.uploads = new Set();
    this.uploading = new Map(); // the promise of each that is on its way
    this.waiting = [];
    this.isConnected = true;
  }

  /** Throws JobsError where the gateway cannot be used, as without a token. */
  async start() {
    this.places = await this.jobs.places();
    const schema = new OutputSchema(await this.jobs.messageSchema(), this.places.presets);
    this.outputs = new OutputsForm(schema, () => this.#keepOutputs());
    const kept = read(OUTPUTS_KEY);
    if (Array.isArray(kept) && kept.length > 0) this.outputs.value = kept;
    at("outputs").replaceChildren(this.outputs.element);
    this.#showPlaces();
    this.#showInterrupted();
    acceptFiles(at("drop"), [at("files"), at("folder")], (files) => this.add(files));
    window.addEventListener("online", () => this.uploads.forEach((view) => view.goOn()));
    window.addEventListener("beforeunload", (event) => this.uploading.size + this.waiting.length > 0 && event.preventDefault());
    this.list.start();
    this.#watchHealth();
    await this.list.openLinked();
  }

  /** Takes files: each becomes a job with the outputs that are chosen now. */
  add(files) {
    const outputs = this.outputs.value;
    for (const file of files) {
      const view = new UploadView(file, {
        start: (each) => this.#enqueue(each),
        discard: (each) => this.#discard(each),
      });
      view.outputs = outputs;
      this.uploads.add(view);
      at("jobs").prepend(view.element);
      this.#enqueue(view);
    }
    this.#showInterrupted();
    announce(`${files.length} file${files.length === 1 ? "" : "s"} added`);
    this.list.count();
  }

  connection(isConnected) {
    const isBack = isConnected && !this.isConnected;
    this.isConnected = isConnected;
    at("offline").hidden = isConnected;
    if (!isConnected) showStore("unknown", "The state of the stores is not known.");
    if (isBack) this.uploads.forEach((view) => view.goOn());
  }

  #enqueue(view) {
    this.waiting.push(view);
    this.#next();
  }

  #next() {
    while (this.uploading.size < UPLOADS_AT_ONCE && this.waiting.length > 0) {
      const view = this.waiting.shift();
      if (view.signal.aborted) continue;
      const ended = this.#upload(view).finally(() => {
        this.uploading.delete(view);
        this.#next();
      });
      this.uploading.set(view, ended);
    }
  }

  async #upload(view) {
    try {
      const file = view.file;
      if (file.size > this.places.max_bytes) throw new JobsError(`It is larger than ${bytes(this.places.max_bytes)}.`);
      view.uploading();
      view.source ??= await this.jobs.upload(file, { onProgress: (progress) => view.sent(progress), signal: view.signal });
      view.submitting();
      const record = await this.#submit(view);
      view.element.remove();
      this.uploads.delete(view);
      this.list.takeOwn(record);
    } catch (error) {
      if (view.signal.aborted) return;
      view.failed(error.message, { isInterrupted: error.isTransient === true });
      this.outputs.complain(error.field, error.message);
      if (view.isInterrupted) this.#askHealth(); // a page that is not seen may not know that the gateway is lost
    }
  }

  /** Each try has the same id: one whose answer was lost may have made the job, and then 409 shows it. */
  async #submit(view) {
    view.jobId ??= newJobId(view.file.name);
    const directory = `${this.#target()}${view.jobId}/`;
    const outputs = withTargets(view.outputs ?? this.outputs.value, this.outputs.schema, directory, view.file.name);
    try {
      return await this.jobs.submit({ job_id: view.jobId, source: view.source, outputs }, { signal: view.signal });
    } catch (error) {
      if (error.status === 409 && error.record) return error.record;
      throw error;
    }
  }

  /** What was sent of a file is deleted, but not what another entry of the list sends. An upload deletes its own. */
  #discard(view) {
    this.uploads.delete(view);
    this.list.count();
    const discarded = this.uploading.get(view) ?? (view.source === undefined && this.jobs.discardUpload(view.file));
    Promise.resolve(discarded).finally(() => this.#showInterrupted());
  }

  /** A page may not open a file again by itself after a reload. */
  async #showInterrupted() {
    const interrupted = await this.jobs.interruptedUploads();
    const here = Array.from(this.uploads, ({ file }) => `${file.name} (${bytes(file.size)})`);
    const begun = interrupted.map(({ name, bytes: size }) => `${name} (${bytes(size)})`);
    const names = begun.filter((each) => !here.includes(each));
    at("interrupted").hidden = names.length === 0;
    setText(at("interrupted-files"), names.join(", "));
  }

  #target() {
    const entered = at("target").value.trim();
    return this.places.target ?? (entered.endsWith("/") ? entered : `${entered}/`);
  }

  #showPlaces() {
    const { source, target, max_bytes: most } = this.places;
    at("own-target").hidden = target !== null;
    at("drop").hidden = source === null;
    at("no-uploads").hidden = source !== null;
    setText(at("limit"), `Up to ${bytes(most)} each.`);
  }

  #keepOutputs() {
    if (this.outputs) write(OUTPUTS_KEY, this.outputs.value);
  }

  async #watchHealth() {
    for (;;) {
      if (!document.hidden || !this.isConnected) await this.#askHealth();
      await sleep(HEALTH_MS);
    }
  }

  async #askHealth() {
    try {
      const health = await this.jobs.health();
      this.connection(true);
      showHealth(health);
    } catch (error) {
      if (error.status === 0) this.connection(false);
    }
  }
}

function showHealth({ redis, progress_store: store, table }) {
  const states = {
    disabled: "Progress is read from DynamoDB.",
    connected: "Progress is read from Redis.",
    unavailable: `Redis is out of reach${redis.unavailable_since ? ` since ${clock(redis.unavailable_since)}` : ""}: progress is read from DynamoDB.`,
  };
  const text = table.state === "connected" ? states[redis.state] : "DynamoDB is out of reach: nothing can be submitted, and progress may lag behind.";
  document.body.dataset.redis = redis.state;
  showStore(table.state === "connected" ? store : "unavailable", text, redis.state === "unavailable" || table.state !== "connected");
}

function showStore(state, text, isDegraded = false) {
  setText(at("store-text"), text);
  at("store").dataset.state = state;
  at("store").classList.toggle("degraded", isDegraded);
}

function read(key) {
  try {
    return JSON.parse(localStorage.getItem(key));
  } catch {
    return null; // no storage, or what another version has written
  }
}

function write(key, value) {
  try {
    localStorage.setItem(key, JSON.stringify(value));
  } catch {
    // without storage nothing is remembered
  }
}

function chooseTheme() {
  const show = (theme) => {
    document.documentElement.dataset.theme = theme;
    at("theme").value = theme;
  };
  show(["light", "dark"].includes(read(THEME_KEY)) ? read(THEME_KEY) : "system");
  at("theme").addEventListener("change", () => {
    write(THEME_KEY, at("theme").value);
    show(at("theme").value);
  });
}

/** Starts with the token of this tab, and asks for one where the gateway wants another. */
async function start() {
  chooseTheme();
  for (;;) {
    try {
      await new Page(sessionStorage.getItem(TOKEN_KEY)).start();
      at("main").hidden = false;
      at("loading").hidden = true;
      return;
    } catch (error) {
      if (!(error instanceof JobsError)) throw error;
      if (error.status === 401) sessionStorage.setItem(TOKEN_KEY, await askForToken());
      else {
        setText(at("loading"), `${error.message} Trying again …`);
        await sleep(HEALTH_MS);
      }
    }
  }
}

function askForToken() {
  const dialog = at("token-dialog");
  setText(at("token-complaint"), sessionStorage.getItem(TOKEN_KEY) ? "The gateway does not know this token." : "");
  dialog.showModal();
  return new Promise((resolve) => {
    const ask = () => dialog.showModal(); // Escape closes it, and without a token there is nothing to show
    dialog.addEventListener("close", ask);
    at("token-form").addEventListener(
      "submit",
      (event) => {
        event.preventDefault();
        dialog.removeEventListener("close", ask);
        dialog.close();
        resolve(at("token").value.trim());
      },
      { once: true },
    );
  });
}

start();
