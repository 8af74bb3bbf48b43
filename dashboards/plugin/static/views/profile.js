// Profile: the operators of one contender or of two, their traces as flame graphs, and their memory.

import { addressOf, ELSEWHERE } from "../api.js";
import { COLOURS, draw, escaped, look } from "../charts.js";
import { choice, el, name as named } from "../dom.js";
import * as format from "../format.js";
import { chartPlace, hover, numberColumn, panel, shown, SortedTable, textColumn, View } from "../panels.js";

export const name = "profile";
export const title = "Profile";
export const runs = "any";
export const fits = (run) => Boolean(run.lines.Profile);
export const missing = [
  "There is no profile below the log directory yet.",
  "opbench profile patch_pooling -k tiny --out runs",
];

const INSTALL = "pip install 'opbench[trace]'";

class Profile extends View {
  constructor(place) {
    super(place);
    this.tools = el("div", { class: "tools" });
    this.heads = el("div", { class: "pair" });
    // Each part of the view draws what it shows of the answer; one on why has its place among them.
    this.parts = [new Why(), new Operators(), new FlameGraphs(), new Memory()];
    place.append(
      this.tools, this.heads,
      el("p", { class: "note" }, "Times are the profiler's, per call: it slows down every operator, small ones most. What a call takes says the leaderboard."),
      ...this.parts.map((part) => part.place),
    );
  }

  async load(page) {
    const list = await page.ask("profiles", page.run ? { run: page.run.id } : {});
    const [first, second] = chosenOf(list.profiles, page.parameters);
    const answer = await page.ask("profile", { profile: first.id, ...(second && { other: second.id }) });
    return { list, first, second, answer };
  }

  async draw({ list, first, second, answer }, page) {
    const textOf = (one) => [one.op, one.contender, one.side, one.label, `(${one.run})`].filter(Boolean).join(" · ");
    const alike = [...list.profiles].sort((one, other) => Number(other.key === first.key) - Number(one.key === first.key));
    this.tools.replaceChildren(
      choice("profile", list.profiles.map((one) => [one.id, textOf(one)]), first.id, (id) => page.go({ profile: id, other: "" })),
      choice("beside", [["none", "nothing"], ...alike.filter((one) => one !== first).map((one) => [one.id, textOf(one)])],
        second?.id ?? "none", (id) => page.go({ profile: first.id, other: id })),
    );
    this.heads.replaceChildren(...answer.profiles.map((one) => headOf(one, list.perfetto)));
    for (const part of this.parts) await part.draw(answer);
  }
}

/** The profiles of the address; else the first, and beside a base its head. */
function chosenOf(profiles, { profile, other }) {
  const given = profiles.find((one) => one.id === profile);
  const first = given ?? profiles.find((one) => one.side === "base") ?? profiles[0];
  const version = (one) => one.side === "head" && one.run === first.run && one.key === first.key && one.contender === first.contender;
  const partner = first.side === "base" && other !== "none" ? profiles.find(version) : null;
  return [first, profiles.find((one) => one.id === other && one !== first) ?? partner ?? null];
}

/** What a profile is called beside another. */
const nameOf = (one) => (one.side ? `${one.contender} (${one.side})` : one.contender);

/** The name, the sums and the trace of a profile. */
function headOf(one, perfetto) {
  const sum = one.operators.reduce((total, row) => total + row.self_s, 0);
  return el("section", { class: "panel head", "aria-label": "Profile" },
    el("h2", {}, named(one.op), " · ", named(nameOf(one)), " · ", named(one.label)),
    el("dl", { class: "facts" },
      fact("all operators", format.time(sum)),
      fact("peak memory", format.bytes(one.peak_bytes)),
      fact("call in the profiler", format.time(one.memory?.duration_s ?? null)),
      one.work ? fact("operations counted, declared", `${format.flops(one.work.flops)}, ${format.flops(one.work.declared_flops)}`) : "",
      one.work ? fact("bytes moved, declared", `${format.bytes(one.work.bytes)}, ${format.bytes(one.work.declared_bytes)}`) : "",
      one.code?.length ? fact("compiled code, beside the trace", format.count(one.code.length, "file")) : "",
      fact("run", one.run)),
    one.fault
      ? el("p", { class: "failed" }, el("bdi", {}, one.fault))
      : el("p", { class: "buttons" }, waysTo(one, perfetto)));
}

/** The ways to the trace of a profile. */
function waysTo(one, perfetto) {
  if (ELSEWHERE) return [el("span", { class: "note" }, "A report leaves traces out. Where it was written, this shows them: ", el("code", {}, ELSEWHERE))];
  const trace = addressOf("trace", { profile: one.id });
  const opened = perfetto ? `${addressOf(perfetto)}#!/?url=${encodeURIComponent(trace)}` : null;
  return [
    opened
      ? el("a", { class: "button", href: opened, target: "_blank", rel: "noopener" }, "Open the trace in Perfetto")
      : el("span", { class: "note" }, "Perfetto isn't installed. Do this, and start TensorBoard again: ", el("code", {}, INSTALL)),
    el("a", { class: "button", href: trace, download: "" }, "Download the trace"),
  ];
}

const fact = (term, text) => el("div", {}, el("dt", {}, term), el("dd", {}, el("bdi", {}, text)));

/** Why the one is slower than the other, where `opbench explain` was asked; of one profile, all that it was compared with. */
class Why {
  constructor() {
    this.place = panel("Why");
    this.list = el("div", {});
    this.place.append(this.list);
  }

  draw(answer) {
    const [first, second] = answer.profiles;
    const found = (first.why ?? []).filter(({ other }) => !second || (other.contender === second.contender && other.side === second.side));
    this.place.hidden = !found.length;
    this.list.replaceChildren(...found.slice(0, second ? 1 : found.length).map(whyOf));
  }
}

/** An explanation as a list: each cause with its share of the difference. */
function whyOf(one) {
  const causes = one.causes.map((cause) => el("li", {},
    `${format.percent(cause.share)} (${format.time(cause.seconds)}) ${cause.title}`,
    el("span", { class: "note" }, " ", el("bdi", {}, cause.evidence))));
  const rest = one.unexplained === null ? [] : [el("li", {}, `${format.percent(one.unexplained)} unexplained`)];
  return el("section", { "aria-label": "Explanation" },
    el("p", {}, el("bdi", {}, one.headline)),
    el("ol", { class: "why" }, ...causes, ...rest),
    ...one.notes.map((note) => el("p", { class: "note" }, el("bdi", {}, note))));
}

class Operators {
  constructor() {
    this.place = panel("Operators");
    this.table = new SortedTable(this.place, "Operators");
  }

  draw(answer) {
    if (answer.changes) this.table.show(answer.changes, changeColumns(...answer.profiles.map(nameOf)));
    else this.table.show(...operatorRows(answer.profiles[0].operators));
  }
}

function operatorRows(operators) {
  const whole = operators.reduce((total, row) => total + row.self_s, 0);
  const of = (field) => (row) => row[field];
  const ordered = [...operators].sort((one, other) => other.self_s - one.self_s);
  return [ordered, [
    textColumn("operator", "operator", 320, of("name")),
    numberColumn("calls", "calls", 80, of("calls"), format.number),
    numberColumn("self", "self time", 100, of("self_s"), format.time, "without the operators that it calls"),
    numberColumn("share", "share", 80, (row) => (whole ? row.self_s / whole : null), format.percent),
    numberColumn("total", "total time", 100, of("total_s"), format.time, "with them"),
    numberColumn("memory", "self memory", 110, of("self_bytes"), format.bytes, "allocated, less what was freed"),
  ]];
}

function changeColumns(first, second) {
  const of = (field) => (row) => row[field];
  const signed = (value) => (value > 0 ? "+" : "") + format.time(value);
  const grown = (value) => (value === null ? format.NOTHING : `${value > 0 ? "+" : ""}${format.percent(value)}`);
  const only = { new: `in ${second} only`, vanished: `in ${first} only`, both: "" };
  const called = (row, which) => (row[`${which}_calls`] ? row[`${which}_s`] : null);
  return [
    textColumn("operator", "operator", 260, of("name")),
    textColumn("change", "only in one", 190, (row) => only[row.status]),
    numberColumn("base_calls", "calls", 70, of("base_calls"), format.number, first),
    numberColumn("head_calls", "calls beside", 95, of("head_calls"), format.number, second),
    numberColumn("base", "self time", 95, (row) => called(row, "base"), format.time, first),
    numberColumn("head", "self time beside", 125, (row) => called(row, "head"), format.time, second),
    numberColumn("difference", "difference", 105, of("grown_s"), signed, `${second} less ${first}`),
    numberColumn("grown", "grown", 85, of("grown"), grown, "difference over the first"),
  ];
}

class FlameGraphs {
  constructor() {
    this.charts = [chartPlace("flame graph of the trace"), chartPlace("flame graph of the trace beside")];
    this.notes = el("div", { class: "note" });
    this.pair = el("div", { class: "pair" });
    this.place = panel("Flame graph", this.pair, this.notes);
  }

  async draw(answer) {
    const drawn = answer.profiles.filter((one) => one.flame);
    this.place.hidden = !drawn.length;
    this.pair.replaceChildren(...this.charts.slice(0, drawn.length));
    const cut = drawn.filter((one) => one.flame.left_out)
      .map((one) => el("p", {}, named(nameOf(one)), `: ${format.count(one.flame.left_out, "node")} too short to draw`));
    this.notes.replaceChildren(el("p", {}, "What called what, per call, by time; a click on a part shows it alone. White space is time outside of operators: Python, dispatch, waiting."), ...cut);
    for (const [number, one] of drawn.entries()) await drawFlame(this.charts[number], one);
  }
}

function drawFlame(place, one) {
  const { names, parents, own_s: own, total_s: total, counts } = one.flame;
  return draw(place, [{
    type: "icicle",
    ids: names.map((_, number) => `node ${number}`),
    labels: names.map((text) => escaped(text, 60)),
    parents: parents.map((parent) => (parent < 0 ? "" : `node ${parent}`)),
    values: own,
    branchvalues: "remainder",
    sort: false,
    tiling: { orientation: "v", flip: false },
    marker: { colors: names.map((text, number) => (number ? colourFor(text) : "rgba(128,128,128,0.25)")), line: { width: 0.5 } },
    textinfo: "label",
    hovertext: names.map((text, number) => hover(
      `<b>${escaped(text, 110)}</b>`,
      `total time ${format.time(total[number])}, ${format.percent(total[0] ? total[number] / total[0] : null)} of the call`,
      `self time ${format.time(own[number])}`,
      `${format.number(counts[number])} times per call`,
    )),
    hoverinfo: "text",
  }], { title: { text: escaped(nameOf(one)), font: { size: 14 } }, margin: { l: 4, r: 4, t: 40, b: 4 } });
}

/** The same colour for the same operator, wherever it is drawn. */
function colourFor(text) {
  let hash = 0;
  for (const sign of text) hash = (hash * 31 + sign.codePointAt(0)) >>> 0;
  return COLOURS[hash % COLOURS.length];
}

class Memory {
  constructor() {
    this.chart = chartPlace("memory held over the call", "low");
    this.note = el("p", { class: "note" });
    this.place = panel("Memory over the call", this.chart, this.note);
  }

  async draw(answer) {
    const drawn = answer.profiles.filter((one) => one.memory?.held.length);
    this.chart.hidden = !drawn.length;
    this.note.textContent = drawn.length
      ? "Beyond what was held before the call, of the call in the middle of the trace."
      : "The trace holds no allocations inside a call.";
    if (!drawn.length) return;
    const scale = unitOf(Math.max(...drawn.flatMap((one) => one.memory.held)));
    await draw(this.chart, drawn.map((one, number) => held(one, look(number), scale)), {
      xaxis: { title: { text: "time since the call began" }, tickformat: "~s", ticksuffix: "s", rangemode: "tozero" },
      yaxis: { title: { text: scale[1] }, rangemode: "tozero" },
      showlegend: drawn.length > 1,
      hovermode: "closest",
    });
  }
}

const unitOf = (most) =>
  [[1e9, "GB"], [1e6, "MB"], [1e3, "kB"], [1, "B"]].find(([factor]) => most >= factor) ?? [1, "B"];

function held(one, style, [factor]) {
  const { times_s: times, held: sizes, operators, duration_s: end } = one.memory;
  return {
    x: [0, ...times, end],
    y: [0, ...sizes, sizes.at(-1)].map((size) => size / factor),
    name: escaped(nameOf(one), 40),
    mode: "lines",
    line: { color: style.color, width: 1.6, shape: "hv", dash: style.dash },
    fill: "tozeroy",
    fillcolor: `${style.color}22`,
    hovertext: ["", ...sizes.map((size, number) => hover(
      `<b>${escaped(nameOf(one))}</b>`,
      `${format.bytes(size)} held after ${format.time(times[number])}`,
      operators[number] ? `in ${escaped(operators[number])}` : "",
    )), ""],
    hoverinfo: "text",
  };
}

export const show = shown(Profile);
