// A table that draws only the rows in sight, so that ten thousand are as quick as ten.

import { el } from "./dom.js";

/** The height of a row in pixels, as style.css has it, and the rows drawn beyond those in sight. */
const ROW_HEIGHT = 30;
const MARGIN = 12;
/** Browsers make no element higher than some thirty million pixels. */
const MOST_ROWS = 500_000;

/**
 * A table in `place`. A column is
 *
 *   {name, title, help, width, isNumber, value: row => what it sorts by, cell: row => node or text}
 *
 * where a value is a number, a text, or null, which sorts last either way. `onSort(name, descending)`
 * is called when a header is chosen. `begins(row, before)` says where a line sets rows apart.
 */
export class Table {
  constructor(place, { label, onSort, begins = () => false }) {
    Object.assign(this, { onSort, begins, columns: [], rows: [], sort: { name: "", descending: false } });
    this.head = el("div", { class: "grid-head", role: "row" });
    this.body = el("div", { class: "grid-body", role: "rowgroup" });
    this.element = el(
      "div",
      { class: "grid", role: "table", "aria-label": label, tabindex: "0" },
      this.head,
      this.body,
    );
    this.element.addEventListener("scroll", () => this.drawRows(), { passive: true });
    new ResizeObserver(() => this.drawRows()).observe(this.element);
    place.append(this.element);
  }

  /** Show rows in columns, sorted as `sort` says; with no name, in their own order. */
  show(rows, columns, sort) {
    const isNew = String(columns.map(key)) !== String(this.columns.map(key)) || sort.name !== this.sort.name
      || sort.descending !== this.sort.descending;
    this.columns = columns;
    this.sort = sort;
    this.rows = sorted(rows, columns.find((column) => column.name === sort.name), sort.descending)
      .slice(0, MOST_ROWS);
    if (isNew) this.drawHead();
    this.element.setAttribute("aria-rowcount", String(this.rows.length + 1));
    this.body.style.height = `${this.rows.length * ROW_HEIGHT}px`;
    this.drawn = null;
    this.drawRows();
  }

  drawHead() {
    const focused = this.head.contains(document.activeElement)
      ? document.activeElement.parentElement.dataset.name
      : null;
    const widths = this.columns.map((column) => `minmax(0, ${column.width}fr)`);
    const total = this.columns.reduce((sum, column) => sum + column.width, 0);
    this.element.style.setProperty("--columns", widths.join(" "));
    this.element.style.setProperty("--width", `max(100%, ${total}px)`);
    this.head.replaceChildren(...this.columns.map((column) => this.header(column)));
    for (const cell of this.head.children) {
      if (cell.dataset.name === focused) cell.firstChild.focus();
    }
  }

  header(column) {
    const isSorted = column.name === this.sort.name;
    const order = this.sort.descending ? "descending" : "ascending";
    const arrow = isSorted ? (this.sort.descending ? " ▼" : " ▲") : "";
    const choose = () => this.onSort(column.name, isSorted && !this.sort.descending);
    return el(
      "div",
      {
        role: "columnheader",
        class: column.isNumber ? "number" : "",
        "data-name": column.name,
        "aria-sort": isSorted ? order : "none",
      },
      el("button", { title: column.help, on: { click: choose } }, column.title + arrow),
    );
  }

  drawRows() {
    const first = Math.max(0, Math.floor(this.element.scrollTop / ROW_HEIGHT) - MARGIN);
    const inSight = Math.ceil(this.element.clientHeight / ROW_HEIGHT);
    const last = Math.min(this.rows.length, first + inSight + 2 * MARGIN);
    if (this.drawn?.first === first && this.drawn.last === last) return;
    this.drawn = { first, last };
    const rows = this.rows.slice(first, last).map((row, index) => this.row(row, first + index));
    this.body.replaceChildren(...rows);
  }

  row(row, number) {
    const begins = number > 0 && this.begins(row, this.rows[number - 1]);
    return el(
      "div",
      {
        class: begins ? "grid-row begins" : "grid-row",
        role: "row",
        "aria-rowindex": number + 2,
        style: `top: ${number * ROW_HEIGHT}px`,
      },
      this.columns.map((column) => cellOf(column, row)),
    );
  }
}

function cellOf(column, row) {
  const content = column.cell(row);
  const title = typeof content === "string" ? content : null;
  const attributes = { class: `grid-cell${column.isNumber ? " number" : ""}`, role: "cell", title };
  return el("div", { ...attributes, "data-column": column.name }, content);
}

/** What a header shows of a column. */
const key = (column) => `${column.name} ${column.width}`;

const inOrder = new Intl.Collator("en", { numeric: true });

/** Rows by the values of a column; those without a value come last, equals keep their order. */
export function sorted(rows, column, descending) {
  if (!column) return rows;
  const keyed = rows.map((row) => [column.value(row), row]);
  const known = keyed.filter(([value]) => value !== null && value !== undefined);
  const unknown = keyed.filter(([value]) => value === null || value === undefined);
  const compare = known.every(([value]) => typeof value === "number")
    ? (one, other) => one[0] - other[0]
    : (one, other) => inOrder.compare(String(one[0]), String(other[0]));
  known.sort(descending ? (one, other) => compare(other, one) : compare);
  return [...known, ...unknown].map(([, row]) => row);
}
