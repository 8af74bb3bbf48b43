// Elements, made without ever reading text as HTML: names come from anybody's runs.

/**
 * An element. Attributes whose value is null, undefined or false are left out; `on` holds listeners
 * by their events. Children are elements and texts; null ones are left out.
 */
export function el(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "on") listen(node, value);
    else if (value === true) node.setAttribute(key, "");
    else if (value !== null && value !== undefined && value !== false) {
      node.setAttribute(key, String(value));
    }
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

function listen(node, listeners) {
  for (const [event, listener] of Object.entries(listeners)) node.addEventListener(event, listener);
}

/** A name out of a run: set apart from what stands around it, whichever way it is written. */
export function name(text, attributes = {}) {
  return el("bdi", { title: text, ...attributes }, text);
}

/** A paragraph in place of what isn't there: says what to do, with the command to type. */
export function nothingYet(text, command) {
  return el(
    "div",
    { class: "nothing", role: "status" },
    el("p", {}, text),
    command ? el("p", {}, "Do this: ", el("code", {}, command)) : null,
  );
}

/** A select with a label. `choices` are pairs of value and text. */
export function choice(label, choices, value, onChange) {
  const select = el(
    "select",
    { on: { change: (event) => onChange(event.target.value) } },
    choices.map(([key, text]) => el("option", { value: key, selected: key === value }, text)),
  );
  return el("label", { class: "choice" }, el("span", {}, label), select);
}

/** A checkbox with a label. */
export function toggle(label, checked, onChange) {
  const box = el("input", {
    type: "checkbox",
    checked,
    on: { change: (event) => onChange(event.target.checked) },
  });
  return el("label", { class: "toggle" }, box, el("span", {}, label));
}

/** A call that waits until nothing has called it for some milliseconds. */
export function delayed(call, milliseconds) {
  let timer = 0;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => call(...values), milliseconds);
  };
}
