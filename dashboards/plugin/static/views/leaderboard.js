// Leaderboard: every op, case and contender of one run or of all, as one table.

import { hashOf } from "../address.js";
import { delayed, el, toggle } from "../dom.js";
import * as format from "../format.js";
import { columnsOf, DEFAULT_COLUMNS } from "../leaderboard_columns.js";
import { filterOf, rowsOf } from "../rows.js";
import { Table } from "../table.js";

export const name = "leaderboard";
export const title = "Leaderboard";
export const runs = "any";
export const fits = (run) => Boolean(run.lines.Record);
export const missing = [
  "There is no race below the log directory yet.",
  "opbench run patch_pooling -k tiny --out runs",
];

/** So many footnotes are shown. */
const MOST_NOTES = 50;

export async function show(place, page) {
  const board = new Leaderboard(place, page);
  await board.update(page);
  return (changed) => board.update(changed);
}

class Leaderboard {
  constructor(place, page) {
    this.page = page;
    this.typed = el("input", {
      type: "search",
      placeholder: "filter: einsum verdict:best ratio>2",
      "aria-label": "Filter rows",
      value: page.parameters.filter ?? "",
    });
    this.typed.addEventListener("input", delayed(() => this.choose({ filter: this.typed.value }), 50));
    this.tools = el("div", { class: "tools" });
    this.count = el("span", { class: "count", role: "status" });
    this.only = el("span");
    this.folded = el("details", { class: "note folded" });
    this.notes = el("div", { class: "footnotes" });
    place.append(this.tools);
    this.table = new Table(place, {
      label: "Leaderboard",
      onSort: (column, descending) => this.choose({ sort: column, order: descending ? "down" : "" }),
      begins: (row, before) => row.case !== before.case && !this.page.parameters.sort,
    });
    place.append(this.folded, this.notes);
  }

  async update(page) {
    const answer = await page.ask("leaderboard", page.run ? { run: page.run.id } : {});
    // Somebody who types meanwhile isn't interrupted: the address has what was typed.
    const isKnown = this.tools.hasChildNodes() && isSame(page.parameters, this.page.parameters);
    this.page = page;
    this.rows = rowsOf(answer);
    this.drawn = { scale: [0.9, 1.5], notes: new Map() };
    this.columns = columnsOf(this.rows, this.drawn);
    this.isOfOne = answer.runs.length === 1;
    this.leftOut = answer.left_out;
    if (!isKnown) this.drawTools();
    this.draw();
  }

  /** Change what is shown, and the address, without asking for the rows again. */
  choose(changes) {
    this.page.parameters = { ...this.page.parameters, ...changes };
    this.page.keep(changes);
    this.draw();
  }

  /** The tools as the address sets them. */
  drawTools() {
    const { filter, regex, unsupported } = this.page.parameters;
    this.typed.value = filter ?? "";
    this.tools.replaceChildren(
      this.typed,
      toggle("regular expression", regex === "1", (on) => this.choose({ regex: on ? "1" : "" })),
      toggle("show unsupported", unsupported === "1", (on) => this.choose({ unsupported: on ? "1" : "" })),
      this.columnChooser(),
      this.only,
      this.count,
    );
  }

  columnChooser() {
    const boxes = this.columns.map((column) =>
      toggle(column.title, this.shown().includes(column.name), (on) => {
        const names = this.columns.map((one) => one.name);
        const kept = names.filter((one) => (one === column.name ? on : this.shown().includes(one)));
        this.choose({ columns: kept.join(",") });
      }));
    return el("details", { class: "columns" }, el("summary", {}, "columns"), el("div", {}, boxes));
  }

  /** The names of the columns that are shown. */
  shown() {
    const chosen = (this.page.parameters.columns ?? "").split(",").filter(Boolean);
    if (chosen.length) return chosen;
    return DEFAULT_COLUMNS.filter((column) => column !== "run" || !this.isOfOne);
  }

  /** What one case is shown of, and the way back to all. */
  drawOnly() {
    const one = this.rows.find((row) => row.key === this.page.parameters.case)?.case;
    const all = { on: { click: () => this.choose({ case: "" }) } };
    this.only.replaceChildren(
      ...(one ? [`${one.op} ${one.label} ${one.sizes} `, el("button", all, "show all cases")] : []),
    );
  }

  draw() {
    this.drawOnly();
    const { filter, regex, sort, order, unsupported } = this.page.parameters;
    const rows = this.filtered(filter ?? "", regex === "1");
    const shown = unsupported === "1" ? rows : rows.filter((row) => row.verdict !== "unsupported");
    this.drawn.scale = scaleOf(shown);
    this.drawn.notes = notesOf(shown);
    const names = this.shown();
    const columns = this.columns.filter((column) => names.includes(column.name));
    this.table.show(shown, columns, { name: sort ?? "", descending: order === "down" });
    const older = this.leftOut ? `; ${format.count(this.leftOut, "older run")} left out: choose one` : "";
    this.count.textContent = countOf(shown.length, this.rows.length) + older;
    drawFolded(this.folded, rows.length === shown.length ? [] : rows);
    drawNotes(this.notes, [...this.drawn.notes.keys()]);
  }

  /** The rows that are meant; all, where the expression is none (yet). */
  filtered(typed, regex) {
    try {
      const keep = filterOf(typed, regex);
      this.typed.removeAttribute("aria-invalid");
      this.typed.title = "";
      return this.chosen().filter(keep);
    } catch (error) {
      this.typed.setAttribute("aria-invalid", "true");
      this.typed.title = error.message;
      return this.chosen();
    }
  }

  /** The rows of the case that the address names; all, where it names none. */
  chosen() {
    const key = this.page.parameters.case;
    return key ? this.rows.filter((row) => row.key === key) : this.rows;
  }
}

/** Whether two sets of parameters say the same. */
const isSame = (one, other) => hashOf(one) === hashOf(other);

const countOf = (shown, all) =>
  shown === all ? format.count(all, "row") : `${shown.toLocaleString("en")} of ${format.count(all, "row")}`;

/** The ends of the scale that ratios are drawn on: those of the rows, within a factor of a thousand. */
function scaleOf(rows) {
  let high = 1.5;
  for (const row of rows) {
    if (row.ratio !== null) high = Math.max(high, Math.min(1000, row.high ?? row.ratio));
  }
  return [0.9, high * 1.05];
}

/** The number of each note, in the order in which they first appear. */
function notesOf(rows) {
  const numbers = new Map();
  for (const row of rows) {
    if (row.note && !numbers.has(row.note)) numbers.set(row.note, numbers.size + 1);
  }
  return numbers;
}

function drawNotes(place, texts) {
  const more = texts.length - MOST_NOTES;
  const items = texts.slice(0, MOST_NOTES).map((text) => el("li", {}, el("bdi", {}, text)));
  place.replaceChildren(
    ...(texts.length ? [el("ol", { "aria-label": "Notes" }, items)] : []),
    ...(more > 0 ? [el("p", {}, `${format.count(more, "more note")}: filter, or add the column "note"`)] : []),
  );
}

/** The unsupported ones that aren't shown, by their reasons. */
function drawFolded(place, rows) {
  const reasons = new Map();
  for (const row of rows) {
    if (row.verdict !== "unsupported") continue;
    if (!reasons.has(row.note)) reasons.set(row.note, new Set());
    reasons.get(row.note).add(row.contender);
  }
  place.hidden = reasons.size === 0;
  const many = rows.filter((row) => row.verdict === "unsupported").length;
  const items = [...reasons].slice(0, MOST_NOTES).map(([reason, contenders]) =>
    el("li", {}, el("bdi", {}, [...contenders].slice(0, 12).join(", ")), ": ", el("bdi", {}, reason)));
  place.replaceChildren(
    el("summary", {}, `${format.count(many, "row")} of unsupported contenders folded away: why`),
    el("ul", {}, items),
  );
}
