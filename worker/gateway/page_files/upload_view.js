/** One file on its way to becoming a job: waiting, uploading, submitting, or failed. */

import { button, el, setText } from "./dom.js";
import { bytes } from "./words.js";

/** `start(view)` uploads and submits; it is called again for "Try again". */
export class UploadView {
  constructor(file, start) {
    this.file = file;
    this.start = start;
    this.abort = new AbortController();
    this.status = el("span", { class: "status" }, "waiting");
    this.bar = el("progress", { max: file.size || 1, value: 0, "aria-label": `Upload of ${file.name}` });
    this.words = el("span", { class: "words" }, bytes(file.size));
    this.error = el("p", { class: "error", role: "alert", hidden: true });
    this.again = button("Try again", () => this.#restart(), { hidden: true, "aria-label": `Upload ${file.name} again` });
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
    this.began = performance.now();
  }

  sent({ sent, total }) {
    this.bar.max = total;
    this.bar.value = sent;
    const seconds = (performance.now() - this.began) / 1000;
    const rate = seconds > 0.5 ? ` · ${bytes(sent / seconds)}/s` : "";
    setText(this.words, `${bytes(Math.min(sent, this.file.size))} of ${bytes(this.file.size)}${rate}`);
  }

  submitting() {
    setText(this.status, "submitting");
  }

  failed(message) {
    setText(this.status, "failed");
    this.element.dataset.status = "failed";
    this.error.hidden = false;
    this.error.textContent = message;
    this.again.hidden = false;
    setText(this.cancel, "Remove");
  }

  #restart() {
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
  }
}
