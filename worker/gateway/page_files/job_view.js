/** One job in the list: its bar while it goes on, its outputs or its error at the end. */

import { button, el, setText } from "./dom.js";
import { isFinal, isNewer } from "./jobs.js";
import { bytes, clock, duration, fileName, timeLeft } from "./words.js";

const STAGES = { downloading: "downloading", converting: "converting", uploading: "uploading" };
const PICTURE = /\.png$/i;
const SOUND = /\.(mp3|m4a|aac|flac|wav|ogg|opus|webm|aiff?|caf)$/i;

/** `actions`: `cancel(id)`, `retry(id)` and `outputUrl(id, n)` return promises; `take(record)` is given new records. */
export class JobView {
  constructor(record, actions) {
    this.actions = actions;
    this.record = record;
    const id = record.job_id;
    this.name = fileName([record.source].flat()[0] ?? id);
    this.title = el("h3", {}, this.name);
    this.status = el("span", { class: "status" });
    this.bar = el("progress", { max: 100, "aria-label": `Progress of ${this.name}` });
    this.words = el("span", { class: "words" });
    this.origin = el("span", { class: "origin", hidden: true }, "read from DynamoDB");
    this.error = el("p", { class: "error", hidden: true });
    this.cancel = button("Cancel", () => this.#do(() => actions.cancel(id)), { "aria-label": `Cancel ${this.name}` });
    this.retry = button("Try again", () => this.#do(() => actions.retry(id)), { "aria-label": `Try ${this.name} again` });
    this.result = el("div", { class: "result" });
    this.summary = el("summary");
    this.details = el(
      "details",
      { ontoggle: () => this.details.open && this.#showResult() },
      this.summary,
      this.result,
    );
    const link = el("a", { href: `#job=${encodeURIComponent(id)}`, class: "id", title: "Link to this job" }, id);
    this.element = el(
      "li",
      { class: "job", id: `job-${id}`, tabindex: "-1" },
      el("div", { class: "head" }, this.title, this.status, this.cancel, this.retry),
      this.bar,
      el("div", { class: "line" }, this.words, this.origin, link),
      this.error,
      this.details,
    );
    this.#draw();
  }

  get isFinal() {
    return isFinal(this.record);
  }

  /** Whether somebody looks into it, or the keyboard is at it. */
  get isInUse() {
    return this.details.open || this.element.contains(document.activeElement);
  }

  /** Takes a record unless it is older. Returns whether the status is another one. */
  take(record) {
    const isFresher = record.fresh !== undefined && record.fresh !== this.record.fresh && !isNewer(this.record, record);
    if (!isFresher && !isNewer(record, this.record)) return false;
    const before = this.record.status;
    this.record = record;
    this.#draw();
    return before !== record.status;
  }

  open() {
    this.details.open = true;
    this.element.scrollIntoView({ block: "center" });
    this.element.focus({ preventScroll: true });
  }

  #draw() {
    const { status, percent, error, repaired, fresh } = this.record;
    this.element.dataset.status = status;
    setText(this.status, status);
    this.bar.hidden = this.isFinal;
    if (status === "queued") this.bar.removeAttribute("value");
    else this.bar.value = percent;
    setText(this.words, this.#words());
    this.origin.hidden = this.isFinal || fresh !== false;
    this.cancel.hidden = this.isFinal;
    this.retry.hidden = !["failed", "cancelled"].includes(status);
    this.error.hidden = error === null;
    if (error) this.error.replaceChildren(error.message, " ", el("code", {}, error.code));
    else if (repaired?.length) {
      this.error.hidden = false;
      this.error.replaceChildren(`Repaired: ${repaired.join(" ")}`);
    }
    const inside = status === "completed" ? "Outputs and details" : "Details";
    setText(this.summary, inside);
    this.summary.setAttribute("aria-label", `${inside} of ${this.name}`);
    if (this.details.open) this.#showResult();
  }

  #words() {
    const { status, stage, percent, eta_seconds: eta, attempt, run, outputs, updated_at: at } = this.record;
    const again = [run > 1 ? `run ${run}` : "", attempt > 1 ? `attempt ${attempt}` : ""].filter(Boolean);
    if (status === "queued") return ["waiting for a worker", ...again].join(" · ");
    if (status === "running") {
      const left = eta === null ? [] : [timeLeft(eta)];
      return [`${percent.toFixed(percent === 0 ? 0 : 1)} %`, STAGES[stage] ?? stage, ...left, ...again].join(" · ");
    }
    const size = outputs.reduce((sum, output) => sum + (output.bytes ?? 0), 0);
    const count = `${outputs.length} output${outputs.length === 1 ? "" : "s"}`;
    return [status === "completed" ? `${count}, ${bytes(size)}` : count, clock(at), ...again].join(" · ");
  }

  async #do(action) {
    const pressed = document.activeElement;
    for (const each of [this.cancel, this.retry]) each.disabled = true;
    try {
      this.actions.take(await action());
    } catch (error) {
      if (error.record) this.actions.take(error.record);
      this.error.hidden = false;
      this.error.replaceChildren(error.record ? `It is ${error.record.status} already.` : error.message);
    } finally {
      for (const each of [this.cancel, this.retry]) each.disabled = false;
      if (pressed?.hidden) this.element.focus(); // a button that is gone would leave the keyboard at the top
    }
  }

  /** Made once for each state of the job, and only for jobs that somebody looks into. */
  #showResult() {
    const key = `${this.record.fence}-${this.record.status}-${Boolean(this.record.source_audio)}`;
    if (this.shown === key) return;
    this.shown = key;
    const { outputs, status } = this.record;
    const rows = outputs.map((output, number) => this.#output(output, number, status === "completed"));
    this.result.replaceChildren(el("ul", { class: "files" }, ...rows), this.#facts());
  }

  #facts() {
    const { source, source_audio: audio, created_at: created, worker } = this.record;
    const sound = audio && [audio.container, audio.codec, `${audio.sample_rate_hz} Hz`, `${audio.channels} ch`, audio.duration_seconds && duration(audio.duration_seconds)];
    const facts = [
      ["Source", [source].flat().join(", ")],
      ["Sound", sound && sound.filter(Boolean).join(" · ")],
      ["Submitted", clock(created)],
      ["Worker", worker],
    ];
    const given = facts.filter(([, value]) => value);
    return el("dl", {}, ...given.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
  }

  #output(output, number, isThere) {
    const name = fileName(output.target);
    const sizes = [output.bytes && bytes(output.bytes), output.duration_seconds && duration(output.duration_seconds), ...loudness(output)];
    const row = el("li", {}, el("span", { class: "name", title: output.target }, name), el("span", { class: "words" }, sizes.filter(Boolean).join(" · ")));
    if (!isThere) return row;
    const isStream = Boolean(output.playlist); // its download is the playlist, which players read where the bucket lets them
    const media = el("div", { class: "media" });
    if (SOUND.test(name)) row.append(button("Play", () => this.#play(media, name, number), { "aria-label": `Play ${name}` }));
    const href = `/jobs/${encodeURIComponent(this.record.job_id)}/outputs/${number}`;
    const download = (event) => {
      event.preventDefault(); // a link sends no token
      this.actions.outputUrl(this.record.job_id, number).then((url) => location.assign(url), (error) => media.replaceChildren(error.message));
    };
    const [file, label] = isStream ? ["master.m3u8", "Playlist"] : [name, "Download"];
    row.append(el("a", { href, download: file, class: "button", onclick: download, "aria-label": `${label} ${isStream ? "of " : ""}${name}` }, label), media);
    if (PICTURE.test(name)) this.#picture(media, name, number);
    return row;
  }

  /** URLs hold for five minutes, so the player gets its own when it is asked for. */
  async #play(media, name, number) {
    try {
      const url = await this.actions.outputUrl(this.record.job_id, number);
      const player = el("audio", { controls: true, autoplay: true, src: url, "aria-label": name });
      player.addEventListener("error", () => media.replaceChildren("This browser cannot play it. Download it instead."));
      media.replaceChildren(player);
      player.focus();
    } catch (error) {
      media.replaceChildren(error.message);
    }
  }

  async #picture(media, name, number) {
    try {
      const url = await this.actions.outputUrl(this.record.job_id, number);
      media.replaceChildren(el("img", { src: url, alt: `Waveform of ${this.name}` }));
    } catch (error) {
      media.replaceChildren(error.message);
    }
  }
}

function loudness({ loudness: measured }) {
  if (!measured) return [];
  if (measured.before_lufs === null || measured.after_lufs === null) return ["too quiet to be measured"];
  return [`${measured.before_lufs.toFixed(1)} → ${measured.after_lufs.toFixed(1)} LUFS`];
}
