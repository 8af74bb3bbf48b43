// How regions are told apart: by a colour, a pattern, a mark, and the contender's name where it fits.

import { faded, look } from "./charts.js";
import { el, name as named } from "./dom.js";
import * as format from "./format.js";

/** Plotly's pattern of an area, its mark of a point, and the sign that people read for the mark. */
const MARKS = [
  ["", "circle", "●"], ["/", "square", "■"], ["\\", "diamond", "◆"], [".", "triangle-up", "▲"],
  ["-", "triangle-down", "▼"], ["|", "star", "★"], ["x", "cross", "✚"], ["+", "x", "✖"],
];

/**
 * By contender of a picture how it is drawn. Colours are those that it has among all contenders of
 * the op, so that a contender looks the same in every view.
 */
export function marksOf(shown, all) {
  const names = [...all].sort();
  return new Map([...new Set(shown)].sort().map((contender, number) => {
    const [pattern, symbol, sign] = MARKS[number % MARKS.length];
    return [contender, { pattern, symbol, sign, kind: number % MARKS.length, color: look(names.indexOf(contender)).color }];
  }));
}

/** What fills an area, for plotly. */
export const filling = ({ color, pattern }) => ({
  fill: "toself",
  fillcolor: faded(color, 0.22),
  ...(pattern && { fillpattern: { shape: pattern, fgcolor: faded(color, 0.6), bgcolor: faded(color, 0.18), size: 9, solidity: 0.25 } }),
  line: { width: 1, color },
  mode: "lines",
  hoverinfo: "skip",
  showlegend: false,
});

/** The legend of a picture: area, mark and name of each contender. */
export function legend(marks) {
  const items = [...marks].map(([contender, mark]) => el(
    "li",
    {},
    el("span", { class: `swatch pattern-${mark.kind}`, style: `--mark: ${mark.color}`, "aria-hidden": "true" }),
    el("span", { class: "sign", style: `--mark: ${mark.color}`, "aria-hidden": "true" }, mark.sign),
    named(contender),
  ));
  return el("ul", { class: "legend", "aria-label": "Contenders" }, items);
}

/** A size without decimals that say nothing. */
export const size = (value) => (Number.isInteger(value) ? String(value) : format.number(value));

const CONDITIONS = ["--accept", "--no-compiler", "--max-memory"];

/** What a choice costs on shapes that it wasn't made from, what it rests on, and who is left out. */
export function basis(choice, op) {
  if (choice.reason) return [el("p", { class: "note" }, el("bdi", {}, choice.reason))];
  return [
    el("p", { class: "note" },
      `By ${format.count(choice.shapes, "shape")}: ${choice.method}. On shapes that were left out, its time over the best's: ${choice.cost}.`),
    el("ul", { class: "plain note" }, choice.notes.map((note) => el("li", {}, el("bdi", {}, note)))),
    el("p", { class: "note" }, "Drawn is what the records say: ", el("code", {}, `opbench choose ${op} RUN`),
      " says the same, and takes conditions: ", CONDITIONS.flatMap((option) => [el("code", { class: "option" }, option), " "])),
  ];
}
