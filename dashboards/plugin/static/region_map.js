// The regions of an op over two of its axes, as areas; what was measured, as points.

import { colourOf, draw, escaped, faded } from "./charts.js";
import { choice, el, name as named } from "./dom.js";
import * as format from "./format.js";
import { chartPlace, hover, logAxis } from "./panels.js";
import { basis, filling, legend, marksOf, size } from "./region_marks.js";

/** A smaller share of the picture has no room for a name. */
const LEAST_NAMED = 0.03;

/** The map of an op, drawn when it is opened. `choose(changes)` puts what is shown into the address. */
export class RegionMap {
  constructor(op, choose) {
    Object.assign(this, { op, choose, page: null, isOpen: false });
    this.tools = el("div", { class: "tools" });
    this.chart = chartPlace(`map of the sizes of ${op}: which contender to run`, "map");
    this.text = el("div", { class: "panel" });
    this.element = el(
      "details",
      { class: "region-map", on: { toggle: () => this.toggled() } },
      el("summary", {}, "Map of the sizes: which contender to run"),
      el("div", { class: "pair" }, el("div", { class: "panel" }, this.tools, this.chart), this.text),
    );
  }

  /** Be open or closed, and show the runs as they are. */
  async update(page, isOpen) {
    Object.assign(this, { page, isOpen });
    this.element.open = isOpen;
    if (isOpen) await this.load();
  }

  toggled() {
    // The event comes after `update` as well.
    if (this.element.open === this.isOpen) return;
    this.isOpen = this.element.open;
    this.choose({ map: this.isOpen ? this.op : "none", over: "", at: "", of: "" });
    if (this.isOpen) this.load();
  }

  async load() {
    try {
      this.regions = await this.page.ask("regions", { run: this.page.run.id, op: this.op });
      await this.draw();
    } catch (error) {
      this.text.replaceChildren(el("p", { class: "failed", role: "alert" }, error.message));
    }
  }

  show(changes) {
    this.choose(changes);
    return this.draw();
  }

  async draw() {
    const { over, at, of } = this.page.parameters;
    const choices = this.regions.choices;
    const chosen = choices.find((one) => one.situation === of) ?? choices.find((one) => one.maps.length) ?? choices[0];
    const map = chosen.maps.find((one) => axesOf(one) === over) ?? chosen.maps[0];
    const slice = map?.slices.find((one) => heldOf(one) === at) ?? map?.slices[0];
    this.drawTools(choices, chosen, map, slice);
    this.chart.hidden = !slice;
    if (!slice) {
      this.text.replaceChildren(el("p", { class: "note" }, "Here less than two sizes vary."), ...basis(chosen, this.op));
      return;
    }
    const own = chosen.rows.filter((row) => Object.entries(slice.held).every(([axis, held]) => row.axes[axis] === held));
    const shown = [...slice.areas.map((area) => area.contender), ...chosen.rows.map((row) => row.best)];
    const marks = marksOf(shown, this.regions.contenders);
    this.drawText(chosen, slice, marks, own);
    await this.drawMap(chosen, map, slice, marks, own);
  }

  drawTools(choices, chosen, map, slice) {
    const several = (label, items, value, change) => (items.length > 1 ? [choice(label, items, value, change)] : []);
    this.tools.replaceChildren(
      ...several("of", choices.map((one) => [one.situation, one.situation]), chosen.situation, (of) => this.show({ of, over: "", at: "" })),
      ...several("over", chosen.maps.map((one) => [axesOf(one), `${one.x} and ${one.y}`]), map && axesOf(map), (over) => this.show({ over, at: "" })),
      ...several("at", (map?.slices ?? []).map((one) => [heldOf(one), `${heldOf(one)} (${format.count(one.shapes, "shape")})`]), slice && heldOf(slice), (at) => this.show({ at })),
    );
  }

  drawText(chosen, slice, marks, own) {
    const [head, ...rest] = chosen.table.columns.slice(0, 2).map((column) => el("th", { scope: "col" }, column));
    const rows = chosen.table.rows.map(([sizes, use]) => el("tr", {}, el("td", {}, el("bdi", {}, sizes)), el("td", {}, named(use))));
    const elsewhere = chosen.rows.length - own.length;
    this.text.replaceChildren(
      legend(marks),
      el("p", { class: "note" }, `A filled mark is a measured shape, and the sign says who was the quickest there${elsewhere ? `; the ${elsewhere} hollow ones have other sizes than ${heldOf(slice)}` : ""}.`),
      el("table", { "aria-label": "Regions" }, el("thead", {}, el("tr", {}, head, rest)), el("tbody", {}, rows)),
      ...basis(chosen, this.op),
    );
  }

  async drawMap(chosen, map, slice, marks, own) {
    const others = chosen.rows.filter((row) => !own.includes(row));
    const sizes = (axis) => chosen.rows.map((row) => row.axes[axis]);
    await draw(this.chart, [
      ...slice.areas.map((area) => areaTrace(area, marks)),
      namesTrace(slice.areas, map, sizes),
      ...(others.length ? [pointsTrace(others, map, marks, false)] : []),
      ...(own.length ? [pointsTrace(own, map, marks, true)] : []),
    ], {
      xaxis: logAxis(sizes(map.x), `axis ${map.x}`, size, { range: roomFor(sizes(map.x)) }),
      yaxis: logAxis(sizes(map.y), `axis ${map.y}`, size, { range: roomFor(sizes(map.y)) }),
      hovermode: "closest",
      showlegend: false,
      margin: { l: 64, r: 12, t: 12, b: 52 },
    });
  }
}

const axesOf = (map) => `${map.x},${map.y}`;
const heldOf = (slice) => Object.entries(slice.held).map(([axis, held]) => `${axis}=${size(held)}`).join(" ") || "all";

/** The ends of a logarithmic axis, with room for marks at the borders. */
function roomFor(values) {
  const [low, high] = [Math.min(...values), Math.max(...values)].map(Math.log10);
  const room = 0.06 * (high - low);
  return [low - room, high + room];
}

const areaTrace = (area, marks) => ({
  ...filling(marks.get(area.contender)),
  x: [...area.x, area.x[0]],
  y: [...area.y, area.y[0]],
});

/** The names of contenders in the middle of their areas, where there is room. */
function namesTrace(areas, map, sizes) {
  const whole = logSpan(sizes(map.x)) * logSpan(sizes(map.y));
  const named = areas.filter((area) => logExtent(area) > LEAST_NAMED * whole);
  return {
    x: named.map((area) => middle(area).x),
    y: named.map((area) => middle(area).y),
    text: named.map((area) => escaped(area.contender, 24)),
    mode: "text", hoverinfo: "skip", showlegend: false, textfont: { size: 14 },
  };
}

const logSpan = (values) => Math.log(Math.max(...values) / Math.min(...values));
const sidesOf = ({ x, y }) => x.map((one, at) => {
  const next = (at + 1) % x.length;
  return [Math.log(one), Math.log(y[at]), Math.log(x[next]), Math.log(y[next])];
});
const logExtent = (area) => sidesOf(area).reduce((sum, [x1, y1, x2, y2]) => sum + (x1 * y2 - x2 * y1) / 2, 0);

/** The centre of mass of an area, as it is drawn. */
function middle(area) {
  const weighed = sidesOf(area).map(([x1, y1, x2, y2]) => ({ x: x1 + x2, y: y1 + y2, by: x1 * y2 - x2 * y1 }));
  const total = 6 * logExtent(area);
  const of = (axis) => Math.exp(weighed.reduce((sum, part) => sum + part[axis] * part.by, 0) / total);
  return { x: of("x"), y: of("y") };
}

function pointsTrace(rows, map, marks, isFilled) {
  const ordered = [...rows].sort((one, other) => one.axes[map.x] - other.axes[map.x] || one.axes[map.y] - other.axes[map.y]);
  const colours = ordered.map((row) => marks.get(row.best).color);
  const open = isFilled ? "" : "-open";
  return {
    x: ordered.map((row) => row.axes[map.x]),
    y: ordered.map((row) => row.axes[map.y]),
    name: isFilled ? "measured" : "measured at other sizes",
    mode: "markers",
    marker: {
      size: isFilled ? 12 : 8,
      symbol: ordered.map((row) => marks.get(row.best).symbol + open),
      color: isFilled ? colours : colours.map((colour) => faded(colour, 0.7)),
      line: { width: isFilled ? 2 : 1, color: isFilled ? colourOf("--ground") : colours },
    },
    hovertext: ordered.map((row) => hover(escaped(row.text, 200), `quickest: <b>${escaped(row.best)}</b>`)),
    hoverinfo: "text",
  };
}
