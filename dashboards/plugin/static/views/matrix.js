// Matrix: runs of several environments side by side, as who wins which case on which kind of machine.

import { choice, el, name as named, nothingYet, toggle } from "../dom.js";
import * as format from "../format.js";
import { shown, View } from "../panels.js";

export const name = "matrix";
export const title = "Matrix";
export const runs = "none";
export const fits = (run) => Boolean(run.lines.Record);
export const missing = [
  "There is no race below the log directory yet.",
  "opbench run patch_pooling --out runs",
];

/** What is said of a case. */
const AGREEMENTS = {
  agree: "agree", disagree: "DISAGREE", undecided: "undecided", alone: "one kind", none: "not timed",
};
/** More cases of an op are left out until they are chosen by a filter. */
const MOST_CASES = 200;

class Matrix extends View {
  constructor(place) {
    super(place);
    this.tools = el("div", { class: "tools" });
    this.summary = el("p", { class: "note", role: "status" });
    this.found = el("div");
    place.addEventListener("pressed", (event) => { this.pressed = event.detail; });
    place.append(this.tools, this.summary, this.found);
  }

  load(page) {
    return page.ask("matrix");
  }

  draw(answer, page) {
    this.instead(answer.kinds ? null : oneKey(answer));
    if (!answer.kinds) return;
    const { op, only, open } = page.parameters;
    const ops = answer.ops.filter((one) => !op || one.op === op).map((one) => kept(one, only === "disagree"));
    this.drawTools(answer, page);
    const left = answer.left_out ? `; ${format.count(answer.left_out, "older run")} left out` : "";
    this.summary.textContent = `${answer.summary}${left}. No time is compared across kinds: a ratio is to the best of its own.`;
    const shownOps = ops.filter((one) => one.cases.length);
    this.found.replaceChildren(
      plainTable("Kinds of machines", answer.kinds),
      ...shownOps.map((one) => section(one, answer.names, open, page)),
      ...(shownOps.length ? [] : [el("p", { class: "nothing" }, "no case is meant by this")]),
    );
    this.refocus();
  }

  drawTools(answer, page) {
    const { op, only } = page.parameters;
    const ops = [["", "all ops"], ...answer.ops.map((one) => [one.op, one.op])];
    this.tools.replaceChildren(
      choice("op", ops, op ?? "", (chosen) => page.go({ op: chosen, open: "" })),
      toggle("only where kinds disagree", only === "disagree", (is) => page.go({ only: is ? "disagree" : "" })),
    );
  }

  /** The button of the case that was opened or closed keeps the focus. */
  refocus() {
    if (this.pressed) [...this.found.querySelectorAll("button")].find((one) => one.dataset.key === this.pressed)?.focus();
    this.pressed = null;
  }
}

const oneKey = (answer) => nothingYet(
  answer.keys.length
    ? `All races below the log directory were made in one environment (key ${answer.keys[0]}): there is nothing to put beside it. `
      + "Race on another machine, or with other versions, and put the run's folder here."
    : "No race below the log directory can be read.",
  "opbench run patch_pooling --out runs",
);

/** An op with those of its cases that are meant. */
function kept(one, onlyDisagreeing) {
  const cases = one.cases.map((found, number) => ({ ...found, row: one.winners.rows[number] }));
  return { ...one, cases: onlyDisagreeing ? cases.filter((found) => found.agreement === "disagree") : cases };
}

const headers = (columns) => el("thead", {}, el("tr", {}, columns.map((column) => el("th", { scope: "col" }, named(column)))));
const cells = (texts) => texts.map((text) => el("td", {}, el("bdi", {}, text)));

function plainTable(label, table) {
  const rows = table.rows.map(([first, ...rest]) => el("tr", {}, el("th", { scope: "row" }, named(first)), cells(rest)));
  return el("section", { "aria-label": label }, el("h2", {}, label), wide(label, headers(table.columns), rows));
}

const wide = (label, head, rows) =>
  el("div", { class: "wide" }, el("table", { class: "matrix-table", "aria-label": label }, head, el("tbody", {}, rows)));

function section(one, names, open, page) {
  const cases = one.cases.slice(0, MOST_CASES);
  const more = one.cases.length - cases.length;
  const rows = cases.flatMap((found) => caseRows(found, names, open === found.key, page));
  return el(
    "section",
    { "aria-label": one.op },
    el("h2", {}, named(one.op)),
    wide(`Winners of ${one.op}`, headers(one.winners.columns), rows),
    more > 0 ? el("p", { class: "note" }, `and ${format.count(more, "more case")}`) : null,
    contenders(one),
  );
}

/** Contenders over all cases of the op, whatever is filtered. */
const contenders = (one) => el(
  "details",
  {},
  el("summary", {}, `Contenders over all ${format.count(one.winners.rows.length, "case")}: mean ratio to each kind's best`),
  wide(`Contenders of ${one.op}`, headers(one.contenders.columns), one.contenders.rows.map(([first, ...rest]) =>
    el("tr", {}, el("th", { scope: "row" }, named(first)), cells(rest)))),
);

/** A case with its winners; opened, with a row for each contender. */
function caseRows(found, names, isOpen, page) {
  const [label, sizes, ...rest] = found.row;
  const winners = rest.slice(0, names.length);
  const press = (event) => {
    event.currentTarget.dispatchEvent(new CustomEvent("pressed", { detail: found.key, bubbles: true }));
    page.go({ open: isOpen ? "" : found.key });
  };
  const button = el("button", { class: "case", "aria-expanded": String(isOpen), "data-key": found.key, on: { click: press } },
    isOpen ? "▾ " : "▸ ", named(label));
  return [
    el("tr", { class: `winners-row ${found.agreement}` },
      el("th", { scope: "row" }, button), el("td", { class: "note" }, el("bdi", {}, sizes)), cells(winners),
      el("td", {}, el("span", { class: `agreement ${found.agreement}` }, AGREEMENTS[found.agreement]))),
    ...(isOpen ? found.contenders.map(contenderRow) : []),
  ];
}

const contenderRow = (one) => el("tr", { class: "contender-row" },
  el("td", {}), el("td", {}, named(one.name)), one.cells.map(cell), el("td", {}));

/** A contender on a kind: its verdict, ratio and time, or why there is none. */
function cell(one) {
  const word = el("span", { class: `verdict ${one.verdict}` }, one.verdict);
  if (one.time_s === null) {
    return el("td", {}, one.verdict === "absent" ? "" : [word, ": "], el("bdi", { class: "note" }, one.reason || "no reason was recorded"));
  }
  return el("td", {}, word, ` ${format.ratio(one.ratio)}, ${format.time(one.time_s)}`);
}

export const show = shown(Matrix);
