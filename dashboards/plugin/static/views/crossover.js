// Crossover: the contenders of an op as lines along an axis, and where they cross.

import { draw, escaped, faded, look } from "../charts.js";
import { choice, el, name as named, nothingYet } from "../dom.js";
import * as format from "../format.js";
import { chartPlace, hover, logAxis, panel, shown, View } from "../panels.js";
import { AXES, stripOf, stripPanel, stripTraces } from "../region_strip.js";

export const name = "crossover";
export const title = "Crossover";
export const runs = "one";
export const fits = (run) => Boolean(run.lines.Record);
export const missing = [
  "There is no race below the log directory yet.",
  "opbench run patch_pooling --grid full --out runs",
];

/** What may be drawn: the value of a point and the ends of its interval, null where unknown. */
const MEASURES = {
  time: {
    title: "time of a call", format: format.time,
    of: (point) => [point.time_s, point.low_s, point.high_s],
  },
  rate: {
    title: "GB/s", format: format.number,
    of: (point) => [point.gb_per_s, rate(point, point.high_s), rate(point, point.low_s)],
  },
  share: {
    title: "share of the ceiling, %", format: format.number,
    of: (point) => [times(point, 1), times(point, point.time_s / point.high_s), times(point, point.time_s / point.low_s)],
  },
  memory: {
    title: "peak memory of a call", format: format.bytes,
    of: (point) => [point.peak_bytes || null, null, null],
  },
};

/** Gigabytes a second at some seconds per call. */
const rate = (point, seconds) => (seconds ? point.bytes / seconds / 1e9 : null);

/** The share in percent, so many times as large. */
const times = (point, factor) =>
  (point.share !== null && Number.isFinite(factor) ? 100 * point.share * factor : null);

const TRAFFIC = "compulsory traffic of a call (all sizes together)";
const axisTitle = (axis) => (axis === "traffic" ? TRAFFIC : axis === "threads" ? "threads" : `axis ${axis}`);

const shapeOf = (axis) => (axis === "traffic" ? format.bytes : format.number);

/** So many crossings are listed, and so many are named in the chart. */
const MOST_LISTED = 30;
const MOST_NAMED = 3;

class Crossover extends View {
  constructor(place) {
    super(place);
    this.tools = el("div", { class: "tools" });
    this.note = el("p", { class: "note" });
    this.chart = chartPlace("lines of the contenders along the axis");
    this.regions = panel("Regions");
    this.crossings = panel("Crossings");
    this.chosen = { key: "", answer: null };
    place.append(this.tools, this.chart, this.note, this.regions, this.crossings);
  }

  load(page) {
    const { op, x } = page.parameters;
    return page.ask("crossover", { run: page.run.id, ...(op && { op }), ...(x && { x }) })
      // The address may name an op of another run.
      .catch((error) => (op ? page.ask("crossover", { run: page.run.id }) : Promise.reject(error)));
  }

  async draw(answer, page) {
    this.instead(answer.op ? null : nothingYet("Nothing was measured in this run.", missing[1]));
    if (!answer.op) return;
    const measure = Object.hasOwn(MEASURES, page.parameters.y ?? "") ? page.parameters.y : "time";
    const series = answer.series.find((one) => one.name === page.parameters.series) ?? answer.series[0];
    this.drawTools(answer, series, measure, page);
    this.drawCrossings(series, answer.axis);
    this.note.textContent = remark(series, measure);
    const names = [...new Set(answer.series.flatMap((one) => one.lines.map((line) => line.contender)))].sort();
    const shown = { series, axis: answer.axis, measure, names };
    const key = `${page.run.id} ${answer.op}`;
    if (this.chosen.key !== key) this.chosen = { key, answer: null };
    const choosing = page.ask("regions", { run: page.run.id, op: answer.op }).catch((error) => ({ fault: error.message }));
    this.drawRegions(shown);
    await this.drawLines(shown);
    this.follow(choosing, shown);
  }

  /** Draw the regions once they are there: to choose takes longer than to draw the lines. */
  async follow(choosing, shown) {
    const turn = this.turn;
    const answer = await choosing;
    if (turn !== this.turn) return;
    if (answer.fault) {
      this.regions.replaceChildren(el("p", { class: "failed", role: "alert" }, answer.fault));
      return;
    }
    this.chosen.answer = answer;
    this.drawRegions(shown);
    await this.drawLines(shown);
  }

  drawTools(answer, series, measure, page) {
    const measures = Object.entries(MEASURES).map(([key, one]) => [key, one.title]);
    const several = answer.series.length > 1;
    const lines = answer.series.map((one) => [one.name, `${one.name} (${format.count(one.places.length, "case")})`]);
    this.tools.replaceChildren(
      choice("op", answer.ops.map((op) => [op, op]), answer.op, (op) => page.go({ op, x: "", series: "" })),
      choice("along", answer.axes.map((axis) => [axis, axisTitle(axis)]), answer.axis, (x) => page.go({ x, series: "" })),
      choice("show", measures, measure, (y) => page.go({ y })),
      ...(several ? [choice("of", lines, series.name, (one) => page.go({ series: one }))] : []),
    );
  }

  drawRegions({ series, axis, names }) {
    const { answer } = this.chosen;
    this.regions.replaceChildren(...(answer
      ? stripPanel(stripOf(answer, axis, series), answer, names, shapeOf(axis))
      : [el("h2", {}, "Regions"), el("p", { class: "note" }, "choosing …")]));
  }

  async drawLines({ series, axis, measure, names }) {
    const { of, title: label, format: shape } = MEASURES[measure];
    const strip = stripOf(this.chosen.answer, axis, series);
    const values = series.lines.flatMap((line) => line.points.map((point) => of(point)[0]));
    const traces = series.lines.flatMap((line) => {
      const style = look(names.indexOf(line.contender));
      const points = line.points.filter((point) => of(point)[0] > 0);
      return points.length ? [band(line, points, series, of, style), curve(line, points, series, of, style)] : [];
    });
    const marked = measure === "memory" ? [] : series.crossings.filter((one) => one.leads);
    await draw(this.chart, [...traces, ...(strip ? stripTraces(strip, names, shapeOf(axis)) : [])], {
      xaxis: logAxis(series.places.map((place) => place.x), axisTitle(axis), shapeOf(axis), AXES.xaxis),
      yaxis: logAxis(values, label, shape, AXES.yaxis),
      yaxis2: AXES.yaxis2,
      hovermode: "closest",
      shapes: marked.map((one) => zone(one, series)),
      annotations: marked.slice(0, MOST_NAMED).map((one, number) => nameOf(one, series, number)),
    });
  }

  drawCrossings(series, axis) {
    const found = [...series.crossings].sort((one, other) => Number(other.leads) - Number(one.leads));
    const items = found.slice(0, MOST_LISTED).map((one) => el("li", {}, ...sentence(one, series, axis)));
    const more = found.length - items.length;
    this.crossings.replaceChildren(
      el("h2", {}, "Crossings of times"),
      items.length
        ? el("ul", { class: "plain" }, items)
        : el("p", { class: "note" }, nothingCrosses(series)),
      ...(more > 0 ? [el("p", { class: "note" }, `and ${more} more`)] : []),
    );
  }
}

const nothingCrosses = (series) =>
  (series.places.length < 2
    ? "There is one case along this axis: race more of them (--grid full, or shapes of your own)."
    : "No two lines cross: whichever of two is quicker, is so at every size.");

function remark(series, measure) {
  if (measure === "share" && series.lines.every((line) => line.points.every((point) => point.share === null))) {
    return "This run has no ceilings. Do this: opbench calibrate --ceilings, and race again.";
  }
  if (measure === "memory") return "The most that one call held at once; counted, so that it has no interval.";
  return "Bands are 99% intervals of each contender's own median. Whether two differ is decided by their ratio in the same rounds (hover), which is narrower.";
}

/** The area between the ends of the intervals, of the points that have them. */
function band(line, points, series, of, style) {
  const known = points.filter((point) => of(point)[1] && of(point)[2]);
  const x = known.map((point) => series.places[point.place].x);
  return {
    x: [...x, ...[...x].reverse()],
    y: [...known.map((point) => of(point)[1]), ...known.map((point) => of(point)[2]).reverse()],
    fill: "toself",
    fillcolor: faded(style.color, 0.16),
    line: { width: 0 },
    mode: "lines",
    hoverinfo: "skip",
    showlegend: false,
    legendgroup: line.contender,
  };
}

function curve(line, points, series, of, style) {
  return {
    x: points.map((point) => series.places[point.place].x),
    y: points.map((point) => of(point)[0]),
    name: escaped(line.contender, 40),
    legendgroup: line.contender,
    mode: "lines+markers",
    line: { color: style.color, dash: style.dash, width: 2 },
    marker: { color: style.color, size: 8 },
    hovertext: points.map((point) => pointText(line, point, series.places[point.place])),
    hoverinfo: "text",
  };
}

function pointText(line, point, place) {
  return hover(
    `<b>${escaped(line.contender)}</b>: ${point.verdict}`,
    escaped(place.label),
    escaped(place.sizes),
    `time ${format.time(point.time_s)} (${format.time(point.low_s)} to ${format.time(point.high_s)}), ${format.count(point.samples, "sample")}`,
    `ratio to the best ${format.ratio(point.ratio)} ${format.interval(point.ratio_low, point.ratio_high)}`,
    `${format.number(point.gb_per_s)} GB/s, ceiling ${format.share(point.share, point.bound, point.suspicious)}`,
    `peak memory ${format.bytes(point.peak_bytes)}`,
    point.note ? escaped(point.note) : "",
  );
}

/** Where the best changes: dashed where that isn't certain. */
function zone(one, series) {
  return {
    type: "rect", xref: "x", yref: "paper", y0: 0, y1: 1,
    x0: series.places[one.low].x, x1: series.places[one.high].x,
    fillcolor: "rgba(128,128,128,0.10)",
    line: { width: 1, color: "rgba(128,128,128,0.6)", dash: one.certain ? "solid" : "dot" },
    layer: "below",
  };
}

function nameOf(one, series, number) {
  const ends = [series.places[one.low].x, series.places[one.high].x].map(Math.log10);
  return {
    x: (ends[0] + ends[1]) / 2, xref: "x", y: 1 - 0.06 * number, yref: "paper", yanchor: "top",
    showarrow: false, bgcolor: "rgba(128,128,128,0.15)",
    text: `${escaped(one.before, 18)} → ${escaped(one.after, 18)}${one.certain ? "" : " (?)"}`,
  };
}

/** A crossing in words. */
function sentence(one, series, axis) {
  const where = (number) => {
    const place = series.places[number];
    const at = axis === "traffic" ? format.bytes(place.x) : `${axis} = ${place.x}`;
    return [named(place.label), ` (${at}; `, named(place.sizes), ")"];
  };
  return [
    named(one.before), " is quicker up to ", ...where(one.low), ", ", named(one.after), " from ",
    ...where(one.high), " on: ",
    one.certain
      ? el("span", { class: "certain" }, "certain, the intervals of both ratios exclude 1")
      : el("span", { class: "uncertain" }, "not certain, an interval still holds 1"),
    one.leads ? ". The best of all changes here." : ".",
  ];
}

export const show = shown(Crossover);
