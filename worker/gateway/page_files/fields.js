/** One input for each member of a JSON Schema, so that an option that is new in the schema is new in the form. */

import { button, el } from "./dom.js";
import { label } from "./words.js";

let count = 0;

/**
 * A field of the schema: `element`, `value` (undefined where nothing was entered), `value = …`, and `complain(text)`.
 *
 * `path` is the name that errors of the gateway use, such as "loudness.target_lufs".
 */
export function fieldFor(path, schema) {
  const plain = plainOf(schema);
  const name = path.split(".").at(-1);
  if (plain.properties) return new Group(path, name, plain);
  if (plain.enum) return new Choice(path, name, plain);
  if (plain.type === "boolean") return new Choice(path, name, { ...plain, enum: [true, false] });
  if (plain.type === "number" || plain.type === "integer") return new NumberField(path, name, plain);
  if (plain.type === "array") return new ListField(path, name, plain);
  if (plain.type === "object") return new Pairs(path, name, plain);
  return new TextField(path, name, plain);
}

/** The schema without null, and of several alternatives the first that is no null. */
function plainOf(schema) {
  const alternatives = schema.anyOf ?? schema.oneOf;
  if (alternatives) return { ...plainOf(alternatives.find((each) => each.type !== "null") ?? {}), ...without(schema, "anyOf", "oneOf") };
  const types = [schema.type].flat().filter((type) => type !== "null");
  return { ...schema, type: types[0], ...(schema.enum ? { enum: schema.enum.filter((value) => value !== null) } : {}) };
}

function without(object, ...names) {
  return Object.fromEntries(Object.entries(object).filter(([name]) => !names.includes(name)));
}

class Field {
  constructor(path, name, schema, input) {
    count += 1;
    this.path = path;
    this.input = input;
    input.id = `field-${count}`;
    const help = el("small", { id: `${input.id}-help` }, helpOf(schema));
    this.complaint = el("strong", { class: "complaint", id: `${input.id}-complaint` });
    input.setAttribute("aria-describedby", `${this.complaint.id} ${help.id}`);
    input.addEventListener("input", () => this.complain(""));
    this.element = el("div", { class: "field" }, el("label", { for: input.id }, label(name)), input, this.complaint, help);
  }

  complain(text) {
    this.complaint.textContent = text;
    if (text) this.input.setAttribute("aria-invalid", "true");
    else this.input.removeAttribute("aria-invalid");
  }

  fieldAt(path) {
    return path === this.path || path.startsWith(`${this.path}.`) || path.startsWith(`${this.path}[`) ? this : null;
  }
}

class TextField extends Field {
  constructor(path, name, schema) {
    super(path, name, schema, el("input", { type: "text", placeholder: placeholderOf(schema), spellcheck: "false" }));
  }

  get value() {
    return this.input.value.trim() || undefined;
  }

  set value(value) {
    this.input.value = value ?? "";
  }
}

class NumberField extends Field {
  constructor(path, name, schema) {
    const { minimum: min, maximum: max } = schema;
    const step = schema.type === "integer" ? "1" : "any";
    super(path, name, schema, el("input", { type: "number", min, max, step, placeholder: placeholderOf(schema) }));
  }

  /** What is no number is left as it is: the gateway says what is wrong with it. */
  get value() {
    if (this.input.validity.badInput) return "not a number";
    return this.input.value === "" ? undefined : Number(this.input.value);
  }

  set value(value) {
    this.input.value = value ?? "";
  }
}

class Choice extends Field {
  constructor(path, name, schema) {
    const text = (value) => ({ true: "yes", false: "no" })[value] ?? String(value);
    const options = schema.enum.map((value, index) => el("option", { value: index }, text(value)));
    super(path, name, schema, el("select", {}, el("option", { value: "" }, placeholderOf(schema)), ...options));
    this.values = schema.enum;
  }

  get value() {
    return this.input.value === "" ? undefined : this.values[Number(this.input.value)];
  }

  set value(value) {
    const index = this.values.indexOf(value);
    this.input.value = index === -1 ? "" : String(index);
  }
}

/** Numbers or texts, separated by commas. */
class ListField extends Field {
  constructor(path, name, schema) {
    super(path, name, schema, el("input", { type: "text", placeholder: "separated by commas", spellcheck: "false" }));
    this.isOfNumbers = ["integer", "number"].includes(plainOf(schema.items ?? {}).type);
  }

  get value() {
    const texts = this.input.value.split(",").map((text) => text.trim()).filter((text) => text !== "");
    if (texts.length === 0) return undefined;
    return this.isOfNumbers ? texts.map((text) => (Number.isNaN(Number(text)) ? text : Number(text))) : texts;
  }

  set value(value) {
    this.input.value = (value ?? []).join(", ");
  }
}

/** An object whose names are free, such as tags: one to a line. */
class Pairs extends Field {
  constructor(path, name, schema) {
    const placeholder = "name: text, one to a line; without a text it is removed";
    super(path, name, schema, el("textarea", { rows: 3, placeholder, spellcheck: "false" }));
  }

  get value() {
    const lines = this.input.value.split("\n").filter((line) => line.trim() !== "");
    if (lines.length === 0) return undefined;
    return Object.fromEntries(
      lines.map((line) => {
        const [, name, text] = /^\s*([^:=]*?)\s*(?:[:=]\s*(.*?)\s*)?$/s.exec(line);
        return [name, text || null];
      }),
    );
  }

  set value(value) {
    this.input.value = Object.entries(value ?? {}).map(([name, text]) => `${name}: ${text ?? ""}`).join("\n");
  }
}

/**
 * An object with members of its own. It is left out while none of them is given.
 *
 * Where it needs none of them, it has a box of its own, which turns it on with all defaults. Whatever is given ticks it.
 */
class Group {
  constructor(path, name, schema) {
    this.path = path;
    count += 1;
    const on = `field-${count}`;
    this.on = el("input", { type: "checkbox", id: on });
    const canBeEmpty = (schema.required ?? []).length === 0;
    const choice = canBeEmpty ? el("label", { for: on, class: "check" }, this.on, "On") : null;
    this.canBeEmpty = canBeEmpty;
    this.fields = Object.entries(schema.properties).map(([inner, each]) => [inner, fieldFor(`${path}.${inner}`, each)]);
    this.complaint = el("strong", { class: "complaint" });
    const clear = button("Clear", () => (this.value = undefined), { class: "quiet", "aria-label": `Clear ${label(name)}` });
    this.element = el(
      "fieldset",
      { class: "group" },
      el("legend", {}, label(name)),
      el("small", {}, helpOf(schema)),
      this.complaint,
      choice,
      el("div", { class: "fields", oninput: () => this.#tick() }, ...this.fields.map(([, field]) => field.element)),
      clear,
    );
  }

  get value() {
    const given = this.fields.map(([name, field]) => [name, field.value]).filter(([, value]) => value !== undefined);
    const isOn = this.canBeEmpty ? this.on.checked : given.length > 0;
    return isOn ? Object.fromEntries(given) : undefined;
  }

  set value(value) {
    this.on.checked = value !== undefined && value !== null;
    for (const [name, field] of this.fields) field.value = value?.[name];
  }

  #tick() {
    if (this.fields.some(([, field]) => field.value !== undefined)) this.on.checked = true;
  }

  complain(text) {
    this.complaint.textContent = text;
  }

  fieldAt(path) {
    const inner = this.fields.map(([, field]) => field.fieldAt(path)).find((found) => found);
    return inner ?? (path === this.path || path.startsWith(`${this.path}.`) ? this : null);
  }
}

/** Descriptions are written in Markdown, of which only code is used. */
function helpOf(schema) {
  return (schema.description ?? "").replaceAll("`", "");
}

function placeholderOf(schema) {
  return schema.default === undefined || schema.default === null ? "default" : `default: ${schema.default}`;
}
