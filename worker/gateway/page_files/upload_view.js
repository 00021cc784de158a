/** One file on its way to becoming a job: waiting, uploading, submitting, or failed. */

import { button, el, setText } from "./dom.js";
import { bytes, timeLeft } from "./words.js";

/** `start(view)` uploads and submits, and is called again for "Try again"; `discard(view)` is called at its removal. */
export class UploadView {
  constructor(file, { start, discard }) {
    this.file = file;
    this.start = start;
    this.discard = discard;
    this.outputs = null; // of its job; null: those of the form when it is submitted
    this.isInterrupted = false;
    this.amount = bytes(file.size);
    this.abort = new AbortController();
    this.status = el("span", { class: "status" }, "waiting");
    this.bar = el("progress", { max: file.size || 1, value: 0, "aria-label": `Upload of ${file.name}` });
    this.words = el("span", { class: "words" }, this.amount);
    this.error = el("p", { class: "error", role: "alert", hidden: true });
    this.again = button("Try again", () => this.#tryAgain(), { hidden: true, "aria-label": `Upload ${file.name} again` });
    this.cancel = button("Cancel", () => this.#end(), { "aria-label": `Cancel the upload of ${file.name}` });
    this.element = el(
      "li",
      { class: "job upload" },
      el("div", { class: "head" }, el("h3", {}, file.name), this.status, this.again, this.cancel),
      this.bar,
      el("div", { class: "line" }, this.words),
      this.error,
    );
  }

  get signal() {
    return this.abort.signal;
  }

  uploading() {
    setText(this.status, "uploading");
    this.first = null;
  }

  /** The rate counts from the first call: what had been sent before was not sent now. */
  sent({ sent, total }) {
    this.first ??= { sent, at: performance.now() };
    this.bar.max = total;
    this.bar.value = sent;
    this.amount = `${bytes(sent)} of ${bytes(total)}`;
    const seconds = (performance.now() - this.first.at) / 1000;
    const rate = (sent - this.first.sent) / seconds;
    this.#say(seconds > 1 && rate > 0 ? [`${bytes(rate)}/s`, timeLeft((total - sent) / rate)] : []);
  }

  #say(pace) {
    setText(this.words, [this.amount, ...pace].join(" · "));
  }

  submitting() {
    this.#say([]);
    setText(this.status, "submitting");
  }

  /** An upload that is interrupted goes on by itself when the connection is back. */
  failed(message, { isInterrupted = false } = {}) {
    this.isInterrupted = isInterrupted;
    this.#say([]); // it has no pace while it stands
    setText(this.status, isInterrupted ? "interrupted" : "failed");
    this.element.dataset.status = isInterrupted ? "interrupted" : "failed";
    this.error.hidden = false;
    this.error.textContent = message;
    this.again.hidden = false;
    setText(this.cancel, "Remove");
  }

  goOn() {
    if (this.isInterrupted) this.#restart();
  }

  /** Somebody who asks for it may have changed the form before. */
  #tryAgain() {
    this.outputs = null;
    this.#restart();
  }

  #restart() {
    this.isInterrupted = false;
    delete this.element.dataset.status;
    this.error.hidden = true;
    this.again.hidden = true;
    setText(this.cancel, "Cancel");
    setText(this.status, "waiting");
    this.start(this);
  }

  #end() {
    this.abort.abort();
    this.element.remove();
    this.discard(this);
  }
}
