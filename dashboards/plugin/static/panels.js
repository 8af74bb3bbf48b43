// What the views with charts share: their frame, places for charts and tables, and their stylesheet.

import { escaped } from "./charts.js";
import { el } from "./dom.js";
import { Table } from "./table.js";

/**
 * A view that asks the backend and draws what it answers. It has `load(page)`, which resolves to what
 * is drawn, and `draw(loaded, page)`. An answer that comes after that to a later question is dropped.
 */
export class View {
  constructor(place) {
    this.place = place;
    this.turn = 0;
  }

  async update(page) {
    const turn = ++this.turn;
    const loaded = await this.load(page);
    if (turn !== this.turn) return;
    await this.draw(loaded, page);
  }

  /** Show an element in place of the view's own; with null, these again. */
  instead(element) {
    if (element) {
      this.own ??= [...this.place.children];
      this.place.replaceChildren(element);
    } else if (this.own) {
      this.place.replaceChildren(...this.own);
      this.own = null;
    }
  }
}

/** What a view's module exports as `show`. */
export function shown(Kind) {
  return async (place, page) => {
    addStylesheet();
    const view = new Kind(place);
    place.classList.add("loading");
    await view.update(page);
    place.classList.remove("loading");
    return (changed) => view.update(changed);
  };
}

/** Let the page have the stylesheet of charts and panels. */
export function addStylesheet() {
  const href = new URL("panels.css", import.meta.url).href;
  const there = [...document.querySelectorAll("link[rel=stylesheet]")].some((one) => one.href === href);
  if (!there) document.head.append(el("link", { rel: "stylesheet", href }));
}

/** An element that a chart is drawn into; `label` says what it shows to those who can't see it. */
export const chartPlace = (label, kind = "") =>
  el("div", { class: `chart ${kind}`, role: "img", "aria-label": label });

/** A part of a view with a heading. */
export const panel = (title, ...children) =>
  el("section", { class: "panel", "aria-label": title }, el("h2", {}, title), ...children.filter(Boolean));

/** A column of the table that holds text, as table.js takes it. */
export const textColumn = (name, title, width, value, cell = (row) => bdi(value(row))) =>
  ({ name, title, width, value, cell });

/** A column that holds numbers, shown by `format`. */
export const numberColumn = (name, title, width, value, format, help = "") =>
  ({ name, title, width, help, isNumber: true, value, cell: (row) => format(value(row)) });

const bdi = (text) => el("bdi", { title: String(text) }, String(text));

/** The place, the title and the columns of a table that sorts by itself. */
export class SortedTable {
  constructor(place, label) {
    this.sort = { name: "", descending: false };
    this.table = new Table(place, {
      label,
      onSort: (name, descending) => {
        this.sort = { name, descending };
        this.show(this.rows, this.columns);
      },
    });
  }

  show(rows, columns) {
    // As high as its rows, up to a dozen; people may drag it higher.
    if (this.rows?.length !== rows.length) this.table.element.style.height = `${Math.min(rows.length, 12) * 30 + 54}px`;
    Object.assign(this, { rows, columns });
    this.table.show(rows, columns, this.sort);
  }
}

/** Lines of a hover text, each escaped by who makes it; those that are "" are left out. */
export const hover = (...lines) => lines.filter(Boolean).join("<br>");

/** A logarithmic axis with a title, whose ticks are numbers for people. */
export function logAxis(values, title, format, more = {}) {
  const known = values.filter((value) => value > 0);
  const tickvals = known.length ? ticksBetween(Math.min(...known), Math.max(...known)) : [];
  return {
    type: "log",
    title: { text: escaped(title) },
    tickmode: "array",
    tickvals,
    ticktext: tickvals.map((value) => short(format(value))),
    ...more,
  };
}

/** Ticks of a logarithmic axis; in even steps where it is nearly straight. */
function ticksBetween(low, high) {
  if (high / low < 3) return evenSteps(low / 1.2, high * 1.2);
  const span = Math.log10(high / low);
  const steps = span < 1.2 ? [1, 1.5, 2, 3, 5, 7] : span < 3 ? [1, 2, 5] : [1];
  const first = Math.floor(Math.log10(low)) - 1;
  const decades = Array.from({ length: Math.ceil(span) + 4 }, (_, number) => first + number);
  return decades.flatMap((decade) => steps.map((step) => Number(`${step}e${decade}`)));
}

/** At most ten round numbers between two. */
export function evenSteps(low, high) {
  const rough = (high - low) / 8;
  const decade = 10 ** Math.floor(Math.log10(rough));
  const step = decade * ([1, 2, 5, 10].find((one) => one * decade >= rough) ?? 10);
  const first = Math.ceil(low / step);
  const count = Math.max(0, Math.floor(high / step) - first + 1);
  return Array.from({ length: count }, (_, number) => Number(((first + number) * step).toPrecision(6)));
}

/** Without decimals that are zeros. */
const short = (text) => text.replace(/\.0+(?= |$)/, "").replace(/(\.\d*[1-9])0+(?= |$)/, "$1");
