// The page: navigation, the choice of runs, and the view that the address names.
//
// A view is a module in views/ that exports
//
//   name    the word for it in addresses
//   title   the text on its tab
//   runs    which runs are chosen above it: "any" (all, or one), "one", or "none" (the view chooses)
//   fits    (run) => whether a run, as in the answer to "runs", has what the view shows
//   missing [text, command]: shown in place of the view where no run fits
//   show    async (place, page) => update: draw into the empty element `place`. What it returns, if
//           anything, is called with the page when runs have grown, or the address or the theme
//           has changed; without it, the view is shown anew.
//
// and `page` has
//
//   parameters  those of the address, by name; `run` is the id of the chosen run, "" of all
//   runs        the runs that fit, the latest first
//   run         the chosen run; null for all
//   ask         (route, parameters) => the backend's answer; throws an Error that the page shows
//   go          (parameters, {replace}) => change the address by these, and with it what is shown;
//               those that are "" are taken out of it
//   keep        (parameters) => put these into the address, where the view shows them already
//   link        (parameters) => an address for a link: of these and nothing else
//   follow      (event, parameters) => what a click on such a link does: it shows what they say
//   dark        whether TensorBoard is dark
//
// No view may set innerHTML; texts for plotly go through `escaped` of charts.js.

import { hashOf, host, onAddress, parameters, setParameters } from "./address.js";
import { ask, ELSEWHERE } from "./api.js";
import { LIBRARY } from "./charts.js";
import { choice, el, nothingYet } from "./dom.js";
import * as format from "./format.js";
import { VIEWS } from "./views.js";

/** Milliseconds between two looks at the runs. */
const POLL_MS = 3000;

const state = { listing: null, shown: null, turn: 0, failed: false };
const places = {};

/** Called by TensorBoard once the module is there. */
export async function render() {
  document.head.append(
    el("meta", { name: "viewport", content: "width=device-width" }),
    el("link", { rel: "stylesheet", href: new URL("style.css", import.meta.url).href }),
  );
  document.title = "opbench";
  document.documentElement.lang = "en";
  places.tabs = el("nav", { "aria-label": "Views" });
  places.chooser = el("div", { class: "chooser" });
  places.faults = el("div", { class: "faults" });
  places.view = el("main", { tabindex: "-1" });
  document.body.append(
    el("header", {}, places.tabs, places.chooser), places.faults, places.view,
  );
  followTheme();
  onAddress(refresh);
  await poll();
  // The first chart then needn't wait for five megabytes.
  document.head.append(el("link", { rel: "prefetch", href: LIBRARY, as: "script" }));
}

/** Be as dark as TensorBoard is; by itself, as the system wants it. */
function followTheme() {
  const watched = host === window ? null : host.document.body;
  const isDark = () => watched
    ? watched.classList.contains("dark-mode")
    : matchMedia("(prefers-color-scheme: dark)").matches;
  document.body.classList.toggle("dark", isDark());
  if (!watched) return;
  const follow = () => {
    if (document.body.classList.contains("dark") === isDark()) return;
    document.body.classList.toggle("dark", isDark());
    refresh();
  };
  new MutationObserver(follow).observe(watched, { attributes: true, attributeFilter: ["class"] });
}

/** Look whether runs have changed, and again in a while. */
async function poll() {
  try {
    if (!document.hidden) {
      const listing = await ask("runs");
      const changed = listing.stamp !== state.listing?.stamp;
      state.listing = listing;
      if (changed || state.failed) await refresh();
      state.failed = false;
    }
  } catch (error) {
    state.failed = true;
    places.faults.replaceChildren(el("p", { role: "alert" }, `no answer: ${error.message}`));
  }
  setTimeout(poll, POLL_MS);
}

/** Draw what the address names, with the runs as they are now. */
async function refresh() {
  if (!state.listing) return;
  const given = parameters();
  const view = VIEWS.find((one) => one.name === given.view) ?? VIEWS[0];
  const page = pageOf(view, given);
  drawTabs(view, given);
  drawChooser(view, page);
  const turn = ++state.turn;
  try {
    await draw(view, page);
    await drawState(page);
  } catch (error) {
    if (turn === state.turn) fail(error);
  }
}

async function draw(view, page) {
  if (!page.runs.length) {
    state.shown = null;
    places.view.replaceChildren(nothingYet(...(ELSEWHERE ? ["No run in this report has any of that."] : view.missing)));
    return;
  }
  const shown = state.shown;
  if (shown?.view === view) {
    // It may be on its way still.
    const update = await shown.ready;
    if (update) return void (await update(page));
    if (state.shown !== shown) return;
  }
  const place = el("div", { class: `view ${view.name}`, "aria-busy": "true" });
  places.view.replaceChildren(place);
  state.shown = { view, ready: view.show(place, page) };
  await state.shown.ready;
  place.removeAttribute("aria-busy");
}

function fail(error) {
  state.shown = null;
  places.view.replaceChildren(el("p", { class: "failed", role: "alert" }, error.message));
}

function pageOf(view, given) {
  const runs = state.listing.runs.filter(view.fits);
  const named = runs.find((run) => run.id === given.run) ?? null;
  const run = named ?? (view.runs === "one" ? runs[0] ?? null : null);
  return {
    parameters: { ...given, run: run?.id ?? "" },
    runs,
    run,
    ask,
    dark: document.body.classList.contains("dark"),
    link: hashOf,
    follow,
    keep(changes) {
      setParameters({ ...parameters(), view: view.name, ...changes }, { replace: true });
    },
    go(changes, options = {}) {
      setParameters({ ...parameters(), view: view.name, ...changes }, options);
      return refresh();
    },
  };
}

function drawTabs(view, given) {
  const tabs = VIEWS.map((one) => {
    const values = { view: one.name, run: given.run };
    return el("a", {
      href: hashOf(values),
      target: "_top",
      "aria-current": one === view ? "page" : null,
      on: { click: (event) => follow(event, values) },
    }, one.title);
  });
  const focused = [...places.tabs.children].indexOf(document.activeElement);
  places.tabs.replaceChildren(...tabs);
  if (focused >= 0) tabs[focused].focus();
}

/** Follow a link within the page; with a modifier, the browser opens it elsewhere. */
function follow(event, values) {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  setParameters(values);
  refresh();
}

function drawChooser(view, page) {
  if (view.runs === "none" || !page.runs.length) {
    places.chooser.replaceChildren();
    return;
  }
  const all = view.runs === "any" ? [["", `all ${format.count(page.runs.length, "run")}`]] : [];
  // The log directory itself may be a run.
  const nameOf = (run) => (run.id === "." ? "this run" : run.id);
  const choices = page.runs.map((run) => [run.id, `${nameOf(run)} · ${format.date(run.created)}`]);
  const chooser = choice("run", [...all, ...choices], page.parameters.run, (id) => page.go({ run: id }));
  places.growing = el("span", { class: "growing", role: "status" });
  places.chooser.replaceChildren(places.growing, chooser);
}

/** What couldn't be read, of the chosen run or of all, and whether the run is unfinished. */
async function drawState(page) {
  const whole = page.run ? await ask("run", { run: page.run.id }) : null;
  if (whole?.unfinished) {
    places.growing?.replaceChildren(`${format.count(whole.unfinished, "job")} unfinished`);
  }
  const faults = (run) => run.faults.map((fault) => `${run.id}: ${fault}`);
  const texts = whole
    ? faults({ id: page.run.id, faults: whole.faults })
    : [...state.listing.faults, ...state.listing.runs.flatMap(faults)];
  drawFaults(texts);
}

function drawFaults(texts) {
  if (!texts.length) {
    places.faults.replaceChildren();
    return;
  }
  const open = places.faults.querySelector("details")?.open ?? false;
  places.faults.replaceChildren(
    el("details", { open },
      el("summary", {}, `${format.count(texts.length, "thing")} could not be read`),
      el("ul", {}, texts.slice(0, 100).map((text) => el("li", {}, el("bdi", {}, text)))),
    ),
  );
}
