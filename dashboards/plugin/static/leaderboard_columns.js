// The columns of the leaderboard.

import { el, name } from "./dom.js";
import * as format from "./format.js";

/** Those that are shown unless others are chosen. */
export const DEFAULT_COLUMNS = [
  "run", "op", "case", "sizes", "contender", "verdict", "time", "ratio", "bar", "share",
  "peak_memory",
];

/**
 * All columns of these rows. What depends on which rows are shown is read from `shown` when a cell is
 * drawn: `scale`, the ends of the axis for ratios, and `notes`, the numbers of footnotes.
 */
export function columnsOf(rows, shown) {
  return fitted(rows, [
    text("run", "run", 130, (row) => row.run),
    text("op", "op", 130, (row) => row.op),
    text("case", "case", 185, (row) => row.label, "what sets cases of one op apart"),
    text("sizes", "sizes", 170, (row) => row.sizes, "the axes of the shape"),
    { ...text("contender", "contender", 150, (row) => row.contender), cell: (row) => contender(row, shown.notes.get(row.note)) },
    { ...text("verdict", "verdict", 100, (row) => row.verdict, VERDICT_HELP), isText: false, cell: verdict, value: verdictOrder },
    number("time", "time", 75, (row) => row.time_s, format.time, "median seconds per call; not to be compared with another run's"),
    number("ratio", "ratio", 70, (row) => row.ratio, format.ratio, "its time over the best's, from the same rounds"),
    number("interval", "interval", 120, (row) => row.low, null, "where the ratio surely lies", interval),
    { name: "bar", title: "ratio and interval", width: 150, help: "on a logarithmic scale; the line is 1, the best", value: (row) => row.ratio, cell: (row) => bar(row, shown.scale) },
    number("detectable", "detectable", 100, (row) => row.detectable, format.ratio, "of the undecided: the ratio that would have been shown"),
    number("share", "ceiling", 105, (row) => row.share, null, "share of the machine's ceiling, and which", share),
    number("gb_per_s", "GB/s", 80, (row) => row.gb_per_s || null, format.number, "compulsory traffic over the time"),
    number("gflop_per_s", "GFLOP/s", 90, (row) => row.gflop_per_s || null, format.number, "compulsory arithmetic over the time"),
    number("device_time", "device time", 100, (row) => row.device_s, format.time, "by the device's own events"),
    number("peak_memory", "peak memory", 105, (row) => row.peak_bytes, format.bytes, "the most that one call held at once"),
    number("preparation", "preparation", 100, (row) => row.preparation_s, format.time, "compiling and the first call"),
    number("error", "error", 80, (row) => row.error, format.number, "the largest, as a multiple of the tolerance"),
    number("samples", "samples", 80, (row) => row.samples || null, String, "blocks that were timed"),
    text("inputs", "input kind", 100, (row) => row.inputs),
    text("dtype", "dtype", 90, (row) => row.dtype),
    text("pass", "pass", 90, (row) => row.direction),
    text("layout", "layout", 100, (row) => row.layout),
    text("device", "device", 70, (row) => row.device),
    text("cache", "cache", 70, (row) => row.cache),
    text("board", "output mode", 110, (row) => row.board),
    number("threads", "threads", 80, (row) => row.threads, String),
    ...axes(rows),
    text("note", "note", 360, (row) => row.note, "caveats, or why it was not timed"),
  ]);
}

/** Columns of texts as wide as their texts are, within limits. */
function fitted(rows, columns) {
  return columns.map((column) => {
    if (!column.isText) return column;
    // A name may have the mark of a footnote behind it.
    const mark = column.name === "contender" ? 14 : 0;
    const longest = rows.reduce((most, row) => Math.max(most, (column.value(row) ?? "").length), 0);
    return { ...column, width: Math.min(Math.max(70, 18 + mark + 7.3 * longest), 1.6 * column.width) };
  });
}

const VERDICT_HELP =
  "best; tied: surely within the tie tolerance of it; slower: surely by more; undecided: not known yet";
const ORDER = ["best", "tied", "undecided", "slower", "wrong", "failed", "unsupported"];

function text(column, title, width, value, help = "") {
  return { name: column, title, width, help, value, isText: true, cell: (row) => name(value(row) ?? "") };
}

function number(column, title, width, value, shown, help = "", cell = null) {
  const draw = cell ?? ((row) => (value(row) === null ? format.NOTHING : shown(value(row))));
  return { name: column, title, width, help, isNumber: true, value, cell: draw };
}

/** A column for each axis, where there aren't too many of them to choose from. */
function axes(rows) {
  const found = new Set();
  for (const row of rows) for (const axis of Object.keys(row.axes)) found.add(axis);
  return [...found].sort().slice(0, 40).map((axis) => {
    const value = (row) => (Object.hasOwn(row.axes, axis) ? row.axes[axis] : null);
    const column = text(`axis:${axis}`, axis, 80, value, "an axis");
    return { ...column, isText: false, cell: (row) => (value(row) === null ? "" : name(String(value(row)))) };
  });
}

const verdictOrder = (row) => ORDER.indexOf(row.verdict);

function verdict(row) {
  const label = row.verdict === "best" && row.case.hasTie ? "best (tied)" : row.verdict;
  const ratio = row.verdict === "undecided" && row.detectable !== null
    ? ` <${format.ratio(row.detectable)}`
    : "";
  return el("span", { class: `verdict ${row.verdict}`, title: row.note || VERDICT_HELP }, label + ratio);
}

function contender(row, number) {
  const mark = number ? el("sup", { title: row.note }, String(number)) : null;
  return el("span", {}, name(row.contender), mark);
}

const interval = (row) => (row.ratio === null ? format.NOTHING : format.interval(row.low, row.high));

const share = (row) => format.share(row.share, row.bound, row.suspicious);

/** The ratio as a mark and its interval as a band; an end that isn't known runs off the scale. */
function bar(row, [low, high]) {
  if (row.ratio === null) return "";
  const at = (value) => Math.min(100, Math.max(0, (100 * Math.log(value / low)) / Math.log(high / low)));
  const from = row.low === null ? 0 : at(row.low);
  const to = row.high === null ? 100 : at(row.high);
  const isOpen = row.low === null || row.high === null;
  const title = `${format.ratio(row.ratio)} ${format.interval(row.low, row.high)} ${row.verdict}`;
  return el(
    "span",
    { class: `bar verdict ${row.verdict}`, title, role: "img", "aria-label": title },
    el("span", { class: "one", style: `left: ${at(1)}%` }),
    el("span", { class: isOpen ? "band open" : "band", style: `left: ${from}%; width: ${to - from}%` }),
    el("span", { class: "at", style: `left: ${at(row.ratio)}%` }),
  );
}
