// Who wins each case and by how much, and the grids of them per op.

import * as format from "./format.js";

/** What columns may stand for, and what people call it. */
export const FIELDS = [
  ["shape", "shape"], ["direction", "pass"], ["dtype", "dtype"], ["inputs", "input kind"],
  ["layout", "layout"], ["threads", "threads"], ["device", "device"], ["cache", "cache"],
  ["board", "output mode"], ["seed", "seed"],
];

/** The glossary's word for a field of a case. */
export const fieldOf = (field) => FIELDS.find(([key]) => key === field)?.[1] ?? field;

/** A ratio from which a win is shown at full strength. */
const STRONG = 4;

/**
 * A grid for each op: `columns` are the values of the field `across`, `lines` what else sets its
 * cases apart, and `cells` the winners by line and column. `sizes` has those of a column where they
 * are the same in all of it.
 */
export function gridsOf(rows, across) {
  const byOp = new Map();
  for (const group of casesOf(rows)) {
    const { op } = group[0];
    if (!byOp.has(op)) byOp.set(op, []);
    byOp.get(op).push(group);
  }
  return [...byOp].sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([op, groups]) => gridOf(op, groups, across));
}

/** The ops of which at least two sizes vary among the cases that were measured. */
export function opsWithMaps(rows) {
  const sizes = new Map();
  for (const row of rows.filter((one) => one.ratio !== null)) {
    if (!sizes.has(row.op)) sizes.set(row.op, new Map());
    const axes = sizes.get(row.op);
    for (const [axis, size] of Object.entries(row.axes).filter(([, value]) => typeof value === "number")) {
      axes.set(axis, (axes.get(axis) ?? new Set()).add(size));
    }
  }
  const varying = (axes) => [...axes.values()].filter((values) => values.size > 1).length;
  return [...sizes].filter(([, axes]) => varying(axes) > 1).map(([op]) => op).sort();
}

function casesOf(rows) {
  const groups = new Map();
  for (const row of rows) {
    if (!groups.has(row.case)) groups.set(row.case, []);
    groups.get(row.case).push(row);
  }
  return [...groups.values()];
}

function gridOf(op, groups, across) {
  const others = differing(groups.map((group) => group[0].case), across);
  const grid = { op, columns: [], lines: [], cells: new Map(), sizes: new Map() };
  for (const group of groups) {
    const one = group[0].case;
    const column = String(one[across]) || "-";
    const line = others.map((field) => String(one[field])).join(" ") || "all";
    if (!grid.columns.includes(column)) grid.columns.push(column);
    if (!grid.lines.includes(line)) grid.lines.push(line);
    if (!grid.cells.has(line)) grid.cells.set(line, new Map());
    const cells = grid.cells.get(line);
    cells.set(column, [...(cells.get(column) ?? []), winnerOf(group)]);
    const known = grid.sizes.get(column);
    grid.sizes.set(column, known === undefined || known === one.sizes ? one.sizes : "");
  }
  return grid;
}

/** The fields in which cases differ, apart from that of the columns; always with the pass. */
function differing(cases, across) {
  const fields = ["shape", "inputs", "direction", "dtype", "layout", "device", "cache", "board", "threads", "seed"];
  const varies = (field) => new Set(cases.map((one) => one[field])).size > 1;
  return fields.filter((field) => field !== across && (varies(field) || field === "direction"));
}

/** The winner of a case from its rows, which come best first. */
function winnerOf(group) {
  const { key, label, sizes } = group[0];
  const measured = group.filter((row) => row.ratio !== null);
  const title = [`${label} ${sizes}`, ...measured.map(describe)].slice(0, 30).join("\n");
  if (!measured.length) {
    return { key, title: `${label} ${sizes}\n${group.map(reason).join("\n")}`, best: null, state: "none", margin: "", strength: 0 };
  }
  const [best, ...others] = measured;
  const near = others.filter((row) => row.verdict === "tied" || row.verdict === "undecided");
  const next = others.find((row) => row.verdict === "slower");
  const state = near.some((row) => row.verdict === "undecided") ? "undecided" : near.length ? "tied" : "best";
  return { key, title, best: best.contender, state, margin: marginOf(near, next, others), strength: strengthOf(near, next) };
}

function marginOf(near, next, others) {
  const tied = near.filter((row) => row.verdict === "tied").map((row) => row.contender);
  const open = near.filter((row) => row.verdict === "undecided").map((row) => row.contender);
  const parts = [];
  if (tied.length) parts.push(`tied with ${listed(tied)}`);
  if (open.length) parts.push(`undecided: ${listed(open)}`);
  if (next && !near.length) parts.push(`${format.ratio(next.ratio)} ahead of ${next.contender}`);
  if (!others.length) parts.push("alone");
  return parts.join("; ");
}

const listed = (names) => (names.length > 2 ? `${names[0]} and ${names.length - 1} more` : names.join(", "));

function strengthOf(near, next) {
  if (near.length || !next) return 0;
  return Math.min(1, Math.log(Math.max(1, next.low ?? 1)) / Math.log(STRONG));
}

const describe = (row) =>
  `${row.contender}: ${format.time(row.time_s)} ${format.ratio(row.ratio)} ${format.interval(row.low, row.high)} ${row.verdict}`;

const reason = (row) => `${row.contender}: ${row.verdict}, ${row.note}`;

/** How often each contender is best by itself, in a sentence. */
export function shareOfWins(grids) {
  const winners = grids.flatMap((grid) => [...grid.cells.values()].flatMap((line) => [...line.values()].flat()));
  const counts = new Map();
  for (const winner of winners) {
    if (winner.state === "best") counts.set(winner.best, (counts.get(winner.best) ?? 0) + 1);
  }
  const sorted = [...counts].sort(([, one], [, other]) => other - one);
  const shown = sorted.slice(0, 6).map(([contender, wins]) => `${contender} ${wins}`);
  const open = winners.filter((winner) => winner.state === "undecided").length;
  const tied = winners.filter((winner) => winner.state === "tied").length;
  const alone = shown.length ? `best by itself: ${shown.join(", ")}${sorted.length > 6 ? ", …" : ""}` : "none is best by itself";
  return `${format.count(winners.length, "case")}; ${alone}; tied ${tied}, undecided ${open}`;
}
