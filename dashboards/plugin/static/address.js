// The address of what is shown: behind "#" in TensorBoard's own address, so that it can be shared.
//
// TensorBoard keeps "#opbench&view=…": its first part names the tab, the others are ours.

/** TensorBoard's window; this one where the page was opened by itself. */
export const host = outermost();

function outermost() {
  try {
    return window.parent.location.hash === undefined ? window : window.parent;
  } catch {
    return window;
  }
}

/** The parameters of the address. A parameter that stands several times is there with the last. */
export function parameters() {
  const parts = host.location.hash.replace(/^#/, "").split("&");
  return Object.fromEntries(parts.filter((part) => part.includes("=")).map(pair));
}

function pair(part) {
  const at = part.indexOf("=");
  return [decoded(part.slice(0, at)), decoded(part.slice(at + 1))];
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The hash of parameters; those that are "", null or undefined are left out. */
export function hashOf(values) {
  const kept = Object.entries(values).filter(([, v]) => v !== "" && v !== null && v !== undefined);
  return ["#opbench", ...kept.map(([k, v]) => `${encodeURIComponent(k)}=${encodeURIComponent(v)}`)]
    .join("&");
}

/** Put parameters into the address. replace: without a step to go back to. */
export function setParameters(values, { replace = false } = {}) {
  const hash = hashOf(values);
  if (hash === host.location.hash) return;
  const address = host.location.pathname + host.location.search + hash;
  if (replace) host.history.replaceState(host.history.state, "", address);
  else host.history.pushState(host.history.state, "", address);
}

/** Call when somebody goes back, forward, or edits the address. */
export function onAddress(call) {
  for (const event of ["popstate", "hashchange"]) host.addEventListener(event, call);
}
