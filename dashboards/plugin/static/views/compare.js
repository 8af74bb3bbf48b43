// Compare: what a gate found, or what two recorded runs show.

import { draw, escaped } from "../charts.js";
import { choice, el, name as named } from "../dom.js";
import * as format from "../format.js";
import { chartPlace, evenSteps, hover, numberColumn, panel, shown, SortedTable, textColumn, View } from "../panels.js";

export const name = "compare";
export const title = "Compare";
export const runs = "none";
export const fits = (run) => Boolean(run.lines.Gate || run.lines.Record);
export const missing = [
  "There is no gate session and no race below the log directory yet.",
  "opbench gate --base main --out runs",
];

/** By verdict a colour and a mark, distinct in every colour vision. */
const STYLES = {
  slower: ["#d55e00", "diamond"],
  inconclusive: ["#cc79a7", "square"],
  faster: ["#009e73", "triangle-up"],
  "no slower": ["#56b4e9", "triangle-down"],
  same: ["#3b82c4", "circle"],
};
/** More rows would be too small to read, and the axis goes no farther. */
const MOST_ROWS = 40;
const FARTHEST = 8;

class Compare extends View {
  constructor(place) {
    super(place);
    this.tools = el("div", { class: "tools" });
    this.found = el("div", { class: "view" });
    this.head = el("section", { class: "panel", "aria-label": "Summary" });
    this.chart = chartPlace("time of head over base, with intervals");
    this.findings = panel("Findings");
    this.rest = el("div", { class: "view" });
    place.append(this.tools, this.found);
  }

  async load(page) {
    const pair = pairOf(page);
    const run = page.runs.find((one) => one.id === pair.run);
    if (!pair.base && !run.lines.Gate) return { pair, answer: null, fault: null };
    try {
      const answer = await page.ask("compare", pair.base ? pair : { run: pair.run });
      return { pair, answer, fault: null };
    } catch (error) {
      return { pair, answer: null, fault: error.message };
    }
  }

  async draw({ pair, answer, fault }, page) {
    this.drawTools(pair, page);
    if (!answer) {
      const text = fault ?? "There is one race. Race again, or measure both versions in turn: opbench gate --base REF";
      this.found.replaceChildren(el("p", { class: fault ? "failed lines" : "nothing", role: "status" }, text));
      return;
    }
    if (!this.head.isConnected) this.found.replaceChildren(this.head, this.chart, this.findings, this.rest);
    this.drawHead(answer);
    this.drawFindings(answer);
    this.drawRest(answer);
    this.chart.hidden = !answer.findings.length;
    if (answer.findings.length) await this.drawForest(answer);
  }

  drawTools(pair, page) {
    const run = page.runs.find((one) => one.id === pair.run);
    const heads = page.runs.map((one) => [one.id, `${one.lines.Gate ? "gate: " : ""}${one.id} · ${format.date(one.created)}`]);
    const own = run.lines.Gate ? [["", "its own base"]] : [];
    const bases = page.runs.filter((one) => one.lines.Record && !one.lines.Gate && one !== run)
      .map((one) => [one.id, `${one.id} · ${format.date(one.created)}${one.environment === run.environment ? "" : " (another environment)"}`]);
    this.tools.replaceChildren(
      choice("head", heads, pair.run, (id) => page.go({ run: id, base: "" })),
      ...(run.lines.Record && bases.length && !run.lines.Gate || own.length
        ? [choice("against", [...own, ...(run.lines.Gate ? [] : bases)], pair.base, (id) => page.go({ run: pair.run, base: id }))]
        : []),
    );
  }

  drawHead(answer) {
    this.head.replaceChildren(
      el("h2", {}, el("bdi", {}, answer.title)),
      ...answer.headline.map((line) => el("p", { class: line.startsWith("void:") ? "void" : "" }, el("bdi", {}, line))),
      ...(answer.kind === "runs" ? [el("p", { class: "note" }, "Two runs were never beside each other: these verdicts are weaker than a gate's.")] : []),
    );
  }

  async drawForest(answer) {
    const rows = answer.findings.slice(0, MOST_ROWS);
    this.chart.style.height = `${rows.length * 24 + 130}px`;
    const limit = 1 + answer.min_slowdown;
    const ends = endsOf(rows, limit);
    const traces = Object.keys(STYLES).map((verdict) => marks(verdict, rows, ends)).filter((one) => one.x.length);
    await draw(this.chart, traces, {
      xaxis: { type: "log", range: ends.map(Math.log10), title: { text: "time of head over base" }, ...ticks(ends) },
      yaxis: {
        range: [rows.length - 0.4, -0.6], tickvals: rows.map((_, number) => number), zeroline: false,
        ticktext: rows.map((row) => `${escaped(row.op, 24)} · ${escaped(row.contender, 24)} · ${escaped(row.label, 40)}`),
      },
      showlegend: true,
      legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom" },
      margin: { l: 70, r: 20, t: 40, b: 50 },
      hovermode: "closest",
      shapes: [
        { type: "rect", xref: "x", yref: "paper", x0: 1 / limit, x1: limit, y0: 0, y1: 1, line: { width: 0 }, fillcolor: "rgba(128,128,128,0.22)", layer: "below" },
        { type: "line", xref: "x", yref: "paper", x0: 1, x1: 1, y0: 0, y1: 1, line: { width: 1, color: "#888888" }, layer: "below" },
      ],
    });
  }

  drawFindings(answer) {
    this.findings.querySelector(".note")?.remove();
    this.table ??= new SortedTable(this.findings, "Findings");
    this.table.show(answer.findings, columnsOf(answer));
    const cut = answer.findings.length > MOST_ROWS ? ` The picture shows the first ${MOST_ROWS} of ${answer.findings.length}.` : "";
    this.findings.append(el("p", { class: "note" },
      `"same" and "no slower" are shown by intervals: shaded is ${format.percent(answer.min_slowdown)} either way, which is the least that matters.${cut}`));
  }

  drawRest(answer) {
    const open = answer.findings.filter((row) => row.why);
    this.rest.replaceChildren(
      ...(open.length ? [inconclusive(open)] : []),
      ...(answer.uncompared.length ? [uncompared(answer.uncompared)] : []),
      ...(answer.controls.length ? [controls(answer.controls)] : []),
      ...(answer.commands.length ? [panel("Why", ...answer.commands.map((line) => el("p", {}, el("code", {}, line))))] : []),
    );
  }
}

/** Three decimals, as a gate prints them; "?" for an end that isn't known. */
const interval = (row) => `[${[row.low, row.high].map((end) => end?.toFixed(3) ?? "?").join(", ")}]`;

/** The run and the base of the address; else the latest gate, or the two latest races. */
function pairOf(page) {
  const { run, base } = page.parameters;
  const given = page.runs.find((one) => one.id === run) ?? page.runs.find((one) => one.lines.Gate) ?? page.runs[0];
  if (given.lines.Gate) return { run: given.id, base: "" };
  const races = page.runs.filter((one) => one.lines.Record && !one.lines.Gate && one !== given);
  const alike = races.filter((one) => one.environment === given.environment);
  const before = alike.find((one) => one.created < given.created);
  return { run: given.id, base: (races.find((one) => one.id === base) ?? before ?? alike[0] ?? races[0])?.id ?? "" };
}

/** The ends of the axis: one wild interval must not squeeze the others. */
function endsOf(rows, limit) {
  const all = rows.flatMap((row) => [row.low, row.ratio, row.high]).filter((value) => value > 0);
  const reach = Math.max(limit ** 2, ...all.map((value) => Math.max(value, 1 / value)));
  const end = Math.min(FARTHEST, reach * 1.03);
  return [1 / end, end];
}

function marks(verdict, rows, ends) {
  const own = rows.map((row, number) => [row, number]).filter(([row]) => row.verdict === verdict && row.ratio > 0);
  const [colour, symbol] = STYLES[verdict];
  const inside = (value, otherwise) => Math.min(ends[1], Math.max(ends[0], value ?? otherwise));
  const x = own.map(([row]) => inside(row.ratio, 1));
  return {
    name: verdict, mode: "markers", type: "scatter", x, y: own.map(([, number]) => number),
    marker: { color: colour, symbol, size: 9 },
    error_x: {
      type: "data", symmetric: false, color: colour, thickness: 1.8, width: 4,
      array: own.map(([row], at) => inside(row.high, Infinity) - x[at]),
      arrayminus: own.map(([row], at) => x[at] - inside(row.low, 0)),
    },
    hovertext: own.map(([row]) => findingText(row)),
    hoverinfo: "text",
  };
}

function findingText(row) {
  return hover(
    `<b>${escaped(row.contender)}</b>: ${row.verdict}`,
    escaped(`${row.op} · ${row.label}`),
    escaped(row.sizes),
    `ratio ${format.number(row.ratio)} ${interval(row)}`,
    `detectable: a slowdown of ${format.percent(row.detectable)}`,
    `${row.units} ${row.method}, spread ${format.percent(row.spread)}`,
    row.accepted ? escaped(`accepted ${acceptance(row.accepted)}`) : "",
    row.why ? escaped(row.why, 110) : "",
  );
}

/** Ticks of a logarithmic axis of ratios: even steps where it spans less than a factor of three. */
function ticks([low, high]) {
  const wide = [0.125, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 8];
  const tickvals = high / low > 3 ? wide : evenSteps(low, high);
  return { tickvals, ticktext: tickvals.map(String) };
}

function columnsOf(answer) {
  const of = (field) => (row) => row[field];
  const verdict = (row) => el("span", { class: `verdict ${row.verdict.replace(" ", "-")}` }, row.verdict + (row.accepted ? " (accepted)" : ""));
  return [
    textColumn("op", "op", 120, of("op")),
    textColumn("case", "case", 180, of("label")),
    textColumn("contender", "contender", 120, of("contender")),
    textColumn("verdict", "verdict", 145, of("verdict"), verdict),
    numberColumn("ratio", "ratio", 70, of("ratio"), (value) => value?.toFixed(3) ?? format.NOTHING, "time of head over base"),
    { ...numberColumn("interval", "interval", 125, of("low"), format.number), cell: interval },
    numberColumn("detectable", "detectable", 95, of("detectable"), format.percent, "the smallest slowdown that would have been shown"),
    { ...numberColumn("units", "units", 90, of("units"), String, "fresh processes, or pairs of them"), cell: (row) => (answer.kind === "gate" ? `${row.units} ${row.method}` : String(row.units)) },
    numberColumn("spread", "spread", 70, of("spread"), format.percent, "how far these scatter"),
    ...(answer.kind === "runs" ? [
      textColumn("source", "source", 80, of("source")),
      textColumn("drift", "drift from", 110, of("drift")),
    ] : []),
    textColumn("accepted", "accepted", 150, (row) => (row.accepted ? acceptance(row.accepted) : "")),
  ];
}

const acceptance = (entry) => `until ${entry.until} by ${entry.by}: ${entry.reason}`;

/** What was inconclusive, each with its reason. */
function inconclusive(rows) {
  const items = rows.slice(0, MOST_ROWS).map((row) =>
    el("li", {}, named(row.op), " · ", named(row.contender), " on ", named(row.label), ": ", el("bdi", {}, row.why)));
  const more = rows.length - items.length;
  return panel("Inconclusive, and why", el("ul", { class: "plain" }, items),
    more > 0 ? el("p", { class: "note" }, `and ${more} more`) : null);
}

function uncompared(items) {
  const place = panel("Not compared");
  const of = (field) => (row) => row[field];
  const entry = (row) => (row.accepted ? acceptance(row.accepted) : "");
  new SortedTable(place, "Not compared").show(items, [
    ...["op", "case", "contender", "status"].map((field) => textColumn(field, field, 130, of(field))),
    textColumn("base", "base", 260, of("base")),
    textColumn("head", "head", 260, of("head")),
    textColumn("accepted", "accepted", 160, entry),
  ]);
  return place;
}

function controls(items) {
  const differ = items.filter((row) => row.verdict === "slower" || row.verdict === "faster");
  const lines = items.map((row) => el("li", {}, named(row.contender), " on ", named(row.label),
    `: ${format.number(row.ratio)} ${interval(row)}, ${row.units} ${row.method}, ${row.verdict}`));
  return panel(
    "The base against itself",
    el("p", { class: differ.length ? "void" : "note" }, differ.length
      ? "The base differs from itself: nothing here is to be believed."
      : "A/A controls, in which nothing changed: none shows a difference that would be believed of a change."),
    el("ul", { class: "plain" }, lines.slice(0, MOST_ROWS)),
  );
}

export const show = shown(Compare);
