// The regions along the axis of a crossover: a strip below the lines, and what it says in words.

import { escaped } from "./charts.js";
import { el, name as named } from "./dom.js";
import { hover } from "./panels.js";
import { basis, filling, legend, marksOf, size } from "./region_marks.js";

/** The parts of a chart's height that lines and strip have: it is kept free until the strip is there. */
export const AXES = {
  xaxis: { anchor: "free", position: 0 },
  yaxis: { domain: [0.15, 1] },
  yaxis2: { domain: [0, 0.09], range: [0, 1], visible: false, fixedrange: true },
};
/** The share of the axis that a letter of a name takes. */
const LETTER = 0.0085;
/** How much a stretch of one size is widened, so that it can be seen. */
const WIDENED = 1.02;

/** The strip of a series, of the answer to "regions"; null where nothing is chosen along it. */
export function stripOf(regions, axis, series) {
  const found = regions?.strips[axis]?.[series.name];
  if (!found?.stretches.length || series.places.length < 2) return null;
  return { ...found, axis, places: series.places };
}

/** What a chart draws of a strip, on its second y axis. */
export function stripTraces(strip, all, shape) {
  const marks = marksOf(strip.stretches.map((one) => one.contender), all);
  const xs = strip.places.map((place) => place.x);
  const whole = Math.log(Math.max(...xs) / Math.min(...xs)) || 1;
  const areas = strip.stretches.map((one) => {
    const [low, high] = one.low < one.high ? [one.low, one.high] : [one.low / WIDENED, one.high * WIDENED];
    return { ...filling(marks.get(one.contender)), x: [low, high, high, low, low], y: [0, 0, 1, 1, 0], yaxis: "y2" };
  });
  const fits = (one) => Math.log(one.high / one.low) / whole > LETTER * one.contender.length;
  return [...areas, {
    x: strip.stretches.map((one) => Math.sqrt(one.low * one.high)),
    y: strip.stretches.map(() => 0.5),
    text: strip.stretches.map((one) => (fits(one) ? escaped(one.contender, 40) : marks.get(one.contender).sign)),
    mode: "text", yaxis: "y2", showlegend: false, hoverinfo: "text",
    hovertext: strip.stretches.map((one, number) =>
      hover(`chosen: <b>${escaped(one.contender)}</b>`, escaped(where(strip, number, shape)))),
  }];
}

/** From which size to which a stretch goes, in words. */
function where({ axis, exact, stretches }, number, shape) {
  const { low, high } = stretches[number];
  const of = (value) => (exact ? size(value) : shape(value));
  const what = axis === "traffic" ? "traffic" : axis;
  if (stretches.length === 1) return `${what} ${of(low)} to ${of(high)} (all that was measured)`;
  if (!exact) return low === high ? `${what} ${of(low)}` : `${what} ${of(low)} to ${of(high)}`;
  if (number === 0) return `${what} up to ${of(high)}`;
  const above = `${what} above ${of(low)}`;
  return number === stretches.length - 1 ? above : `${above} up to ${of(high)}`;
}

/** The regions in words, with their legend. */
export function stripPanel(strip, regions, all, shape) {
  const head = el("h2", {}, "Regions: which contender to run");
  if (!strip) {
    const reasons = regions.choices.map((choice) => choice.reason).filter(Boolean);
    return [head, el("p", { class: "note" }, reasons.length ? el("bdi", {}, reasons[0]) : "There is one case along this axis.")];
  }
  const marks = marksOf(strip.stretches.map((one) => one.contender), all);
  const items = strip.stretches.map((one, number) => el("li", {}, where(strip, number, shape), ": ", named(one.contender)));
  return [
    head,
    legend(marks),
    el("ul", { class: "plain" }, items),
    ...(strip.exact ? [] : [el("p", { class: "note" }, NOT_EXACT)]),
    ...strip.choices.flatMap((number) => basis(regions.choices[number], regions.op)),
  ];
}

const NOT_EXACT = "Thresholds are on sizes, of which several vary along this axis: between two measured cases it isn't known where one gives way to another.";
