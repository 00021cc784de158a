/** The page's own elements, and new ones from names, properties and children. Text is always text: nothing here reads markup. */

export const at = (id) => document.getElementById(id);

/** `properties`: those that begin with "on" are listeners, null and false ones are left out, the others attributes. */
export function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** Sets the text only where it has changed, so that a screen reader and a selection are left alone. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function button(label, onclick, properties = {}) {
  return el("button", { type: "button", onclick, ...properties }, label);
}

/** Tells screen readers. The last five texts stay. */
export function announce(text) {
  at("announcements").append(el("p", {}, text));
  while (at("announcements").childElementCount > 5) at("announcements").firstElementChild.remove();
}
