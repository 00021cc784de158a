/** The form of outputs: for each a preset or a format, and the options that the schema gives it. */

import { button, el } from "./dom.js";
import { fieldFor } from "./fields.js";

const OWN = new Set(["target", "format", "preset"]); // what the form asks for in its own way
const FIRST = ["mp3", "m4a", "flac"];

// Of formats whose ending is not their name. ALAC lies in MP4, which players know as m4a; the schema has no endings.
const ENDINGS = { alac: "m4a", report: "report.json", waveform: "png", hls: "" };

/** What the message schema and the presets (`{name: fields}`) say about outputs. */
export class OutputSchema {
  constructor(message, presets) {
    this.items = message.properties.outputs.items;
    this.formats = this.items.properties.format.enum.filter((format) => format !== null);
    this.presets = presets;
    this.most = message.properties.outputs.maxItems ?? 16;
  }

  /** The format of an output, which may come from its preset. */
  formatOf(output) {
    return output.format ?? this.presets[output.preset]?.format ?? null;
  }

  /** The schemas of the options that a format has; all options where the format is not known, as of a preset. */
  optionsOf(format) {
    const rules = this.items.allOf?.find((rule) => rule.if?.properties?.format?.const === format)?.then.properties ?? {};
    return Object.entries(this.items.properties)
      .filter(([name]) => !OWN.has(name) && rules[name]?.type !== "null")
      .map(([name, schema]) => [name, { ...schema, ...rules[name], type: schema.type, description: schema.description }]);
  }
}

/** The list of outputs. `value` is a list of outputs without their targets. `onchange` is called for each change. */
export class OutputsForm {
  constructor(schema, onchange) {
    this.schema = schema;
    this.outputs = [];
    this.onchange = onchange;
    this.list = el("div", { class: "outputs" });
    this.more = button("Add another output", () => this.#add({ format: FIRST.find((each) => !this.#has(each)) ?? FIRST[0] }).focus());
    this.element = el("div", { oninput: onchange }, this.list, this.more);
    this.#add({ format: FIRST[0] });
  }

  get value() {
    return this.outputs.map((output) => output.value);
  }

  /** Values of an earlier version of the schema may no longer fit: what is not known is passed over. */
  set value(values) {
    for (const output of this.outputs) output.element.remove();
    this.outputs = [];
    for (const value of values.slice(0, this.schema.most)) this.#add(value);
  }

  /** Shows what is wrong beside the field that the gateway named, such as "outputs[0].bitrate_kbps". */
  complain(field, text) {
    const [, index, path] = /^outputs\[(\d+)\]\.?(.*)$/.exec(field ?? "") ?? [];
    return index !== undefined && (this.outputs[Number(index)]?.complain(path, text) ?? false);
  }

  #has(format) {
    return this.outputs.some((output) => output.value.format === format);
  }

  #add(value) {
    const output = new OutputForm(this.schema, value, () => this.#remove(output));
    this.outputs.push(output);
    this.list.append(output.element);
    this.#changed();
    return output;
  }

  #remove(output) {
    this.outputs = this.outputs.filter((each) => each !== output);
    output.element.remove();
    this.#changed();
    this.more.focus();
  }

  #changed() {
    this.outputs.forEach((output, index) => output.number(index + 1, this.outputs.length > 1));
    this.more.disabled = this.outputs.length >= this.schema.most;
    this.onchange();
  }
}

class OutputForm {
  constructor(schema, value, onremove) {
    this.schema = schema;
    this.fields = [];
    this.legend = el("legend");
    this.kind = el(
      "select",
      { "aria-label": "Format", onchange: () => this.#show(this.#options()) },
      this.#group("Presets", "preset", Object.keys(schema.presets)),
      this.#group("Formats", "format", schema.formats),
    );
    this.remove = button("Remove", onremove, { class: "quiet" });
    this.options = el("div", { class: "fields" });
    this.details = el("details", {}, el("summary", {}, "Options"), this.options);
    this.complaint = el("strong", { class: "complaint", role: "alert" });
    this.element = el(
      "fieldset",
      { class: "output" },
      this.legend,
      el("div", { class: "kind" }, this.kind, this.remove),
      this.complaint,
      this.details,
    );
    const [kind] = Object.entries(value).find(([name]) => name === "preset" || name === "format") ?? ["format"];
    this.kind.value = `${kind}:${value[kind]}`;
    if (this.kind.selectedIndex === -1) this.kind.value = `format:${schema.formats[0]}`;
    this.#show(value);
  }

  get value() {
    return { ...this.#chosen(), ...this.#options() };
  }

  /** `{format: …}` or `{preset: …}`; the name of a preset may hold any character. */
  #chosen() {
    const [kind, ...name] = this.kind.value.split(":");
    return { [kind]: name.join(":") };
  }

  number(number, canBeRemoved) {
    this.legend.textContent = `Output ${number}`;
    this.kind.setAttribute("aria-label", `Format of output ${number}`);
    this.remove.setAttribute("aria-label", `Remove output ${number}`);
    this.remove.hidden = !canBeRemoved;
  }

  focus() {
    this.kind.focus();
  }

  complain(path, text) {
    const field = this.fields.map(([, each]) => each.fieldAt(path)).find((found) => found);
    if (field) {
      this.details.open = true;
      field.complain(text);
    } else this.complaint.textContent = text;
    return true;
  }

  #group(title, kind, names) {
    if (names.length === 0) return null;
    return el("optgroup", { label: title }, ...names.map((name) => el("option", { value: `${kind}:${name}` }, name)));
  }

  #options() {
    return Object.fromEntries(this.fields.map(([name, field]) => [name, field.value]).filter(([, value]) => value !== undefined));
  }

  #show(values) {
    this.complaint.textContent = "";
    this.fields = this.schema
      .optionsOf(this.schema.formatOf(this.#chosen()))
      .map(([option, schema]) => [option, fieldFor(option, schema)]);
    for (const [option, field] of this.fields) field.value = values[option];
    this.options.replaceChildren(...this.fields.map(([, field]) => field.element));
  }
}

/** Outputs with their targets: in a folder of the job, named after the source, none twice. */
export function withTargets(outputs, schema, folder, sourceName) {
  const stem = sourceName.replace(/\.[^.]*$/, "") || "audio";
  const taken = new Set();
  return outputs.map((output) => {
    const kind = schema.formatOf(output) ?? "audio";
    const ending = ENDINGS[kind] ?? kind;
    let target;
    for (let number = 1; target === undefined || taken.has(target); number += 1) {
      const name = number === 1 ? stem : `${stem}-${number}`;
      target = ending === "" ? `${folder}${name}-${kind}/` : `${folder}${name}.${ending}`;
    }
    taken.add(target);
    return { ...output, target };
  });
}
