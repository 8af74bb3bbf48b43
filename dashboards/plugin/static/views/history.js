// History: contenders over the runs of the log directory, relative to anchors, and where they changed.

import { draw, escaped, look } from "../charts.js";
import { choice, el, name as named, nothingYet, toggle } from "../dom.js";
import * as format from "../format.js";
import { chartPlace, hover, logAxis, numberColumn, panel, shown, SortedTable, textColumn, View } from "../panels.js";

export const name = "history";
export const title = "History";
export const runs = "none";
export const fits = (run) => Boolean(run.lines.Record);
export const missing = [
  "There is no race below the log directory yet: a history is made of the same race, run after run.",
  "opbench run patch_pooling --out runs",
];

class History extends View {
  constructor(place) {
    super(place);
    this.tools = el("div", { class: "tools" });
    this.chart = chartPlace("time of the contenders over that of the anchor, by run");
    this.changes = panel("Changes");
    this.series = panel("Series");
    this.remarks = el("ul", { class: "plain note" });
    place.append(this.tools, this.chart, this.changes, this.series, this.remarks);
  }

  load(page) {
    const { op, all } = page.parameters;
    const everywhere = all === "1" ? { all: "1" } : {};
    return page.ask("history", { ...everywhere, ...(op && { op }) })
      .catch((error) => (op ? page.ask("history", everywhere) : Promise.reject(error)));
  }

  async draw(answer, page) {
    this.instead(answer.op ? null : nothingYet("Nothing was measured in these runs.", missing[1]));
    if (!answer.op) return;
    const cases = [...new Map(answer.series.map((one) => [one.key, one.case]))];
    const key = cases.find(([one]) => one === page.parameters.case)?.[0] ?? cases[0][0];
    const own = answer.series.filter((one) => one.key === key);
    this.drawTools(answer, cases, key, page);
    this.drawChanges(answer, page);
    this.drawSeries(answer, page);
    this.remarks.replaceChildren(...answer.remarks.map((text) => el("li", {}, el("bdi", {}, text))));
    await this.drawLines(own);
  }

  drawTools(answer, cases, key, page) {
    const mark = (op) => `${op}${answer.changed.includes(op) ? " (changed)" : ""}`;
    const others = answer.other_environments || page.parameters.all === "1";
    this.tools.replaceChildren(
      choice("op", answer.ops.map((op) => [op, mark(op)]), answer.op, (op) => page.go({ op, case: "" })),
      choice("case", cases, key, (one) => page.go({ case: one })),
      ...(others ? [toggle("runs of other environments too", page.parameters.all === "1", (on) => page.go({ all: on ? "1" : "" }))] : []),
      el("span", { class: "count" }, format.count(answer.runs, "run")),
    );
  }

  async drawLines(series) {
    const known = series.filter((one) => one.points.some((point) => point.relative));
    const names = [...new Set(series.map((one) => one.contender))].sort();
    const values = known.flatMap((one) => one.points.map((point) => point.relative));
    const changes = known.flatMap((one) => one.changes.map((change) => ({ ...change, of: one })));
    const anchors = [...new Set(known.map((one) => one.anchor))].join(", ");
    await draw(this.chart, known.map((one) => line(one, look(names.indexOf(one.contender)))), {
      xaxis: { title: { text: "run, the oldest first" }, tickformat: "d", dtick: series[0].points.length < 12 ? 1 : null },
      yaxis: logAxis(values, `time over that of ${anchors || "the anchor"}`, format.number),
      showlegend: true,
      hovermode: "closest",
      shapes: changes.map((change) => at(change, look(names.indexOf(change.of.contender)).color)),
      annotations: known.length
        ? changes.slice(0, 12).map((change) => labelOf(change, look(names.indexOf(change.of.contender)).color))
        : [{ text: "no run of this case has anchors: its times can't be compared", showarrow: false, xref: "paper", yref: "paper", x: 0.5, y: 0.5 }],
    });
  }

  drawChanges(answer, page) {
    const items = answer.series.flatMap((one) => one.changes.map((change) => el("li", {},
      named(one.contender), " on ", caseLink(one, page), ": ", el("bdi", {}, change.text), ...commits(one, change))));
    const longest = Math.max(...answer.series.map((one) => one.points.filter((point) => point.relative).length));
    const none = longest < answer.fewest
      ? `No series is long enough to show a change: the longest has ${format.count(longest, "run")}, and ${answer.fewest} are needed.`
      : "No change was found.";
    this.changes.replaceChildren(
      el("h2", {}, "Changes"),
      items.length ? el("ul", { class: "plain" }, items) : el("p", { class: "note" }, none),
    );
  }

  drawSeries(answer, page) {
    this.table ??= new SortedTable(this.series, "Series");
    const of = (field) => (row) => row[field];
    this.table.show(answer.series, [
      textColumn("case", "case", 220, of("label"), (row) => caseLink(row, page)),
      textColumn("contender", "contender", 150, of("contender")),
      numberColumn("runs", "runs", 60, (row) => row.points.length, String),
      textColumn("anchor", "anchor", 150, of("anchor")),
      numberColumn("first", "first", 90, (row) => row.points.find((point) => point.relative)?.relative ?? null, format.number, "time over that of the anchor in the first run"),
      numberColumn("latest", "latest", 90, (row) => row.points.findLast((point) => point.relative)?.relative ?? null, format.number, "the same in the latest run"),
      numberColumn("ratio", "ratio", 80, of("ratio"), format.ratio, "latest over first"),
      numberColumn("time", "time", 90, (row) => row.points.at(-1).time_s, format.time, "median of the latest run; not to be compared with other runs'"),
      textColumn("changes", "changes", 300, (row) => row.changes.map((change) => change.text).join("; ")),
    ]);
  }
}

/** A link that shows a series' case. */
const caseLink = (series, page) => el("a", {
  href: page.link({ ...page.parameters, case: series.key }),
  target: "_top",
  on: { click: (event) => { event.preventDefault(); page.go({ case: series.key }); } },
}, el("bdi", {}, series.case));

/** The commits around a change, or what is known of the source instead. */
function commits(series, change) {
  const [before, after] = [series.points[change.before], series.points[change.after]];
  if (before.commit || after.commit) {
    return ["; ", el("code", {}, `git log ${shortCommit(before) || "?"}..${shortCommit(after) || "?"}`)];
  }
  return ["; these runs don't say their commits"];
}

const shortCommit = (point) => point.commit.replace(/\+$/, "").slice(0, 12);

function line(series, style) {
  const points = series.points.filter((point) => point.relative);
  return {
    x: points.map((point) => point.number),
    y: points.map((point) => point.relative),
    name: escaped(series.contender, 40),
    mode: "lines+markers",
    line: { color: style.color, dash: style.dash, width: 1.6 },
    marker: { color: style.color, size: 6 },
    hovertext: points.map((point) => pointText(series, point)),
    hoverinfo: "text",
  };
}

function pointText(series, point) {
  return hover(
    `<b>${escaped(series.contender)}</b> in ${escaped(point.run)}`,
    format.date(point.created),
    `${format.number(point.relative)} times ${escaped(series.anchor)}; ${format.time(point.time_s)}`,
    point.commit ? `commit ${escaped(point.commit, 14)}` : "",
    point.fingerprint ? `source ${escaped(point.fingerprint, 14)}` : "",
    `environment ${escaped(point.environment, 20)}`,
  );
}

const middle = (change) =>
  (change.of.points[change.before].number + change.of.points[change.after].number) / 2;

function at(change, color) {
  const x = middle(change);
  return { type: "line", xref: "x", yref: "paper", x0: x, x1: x, y0: 0, y1: 1, line: { color, width: 1.4, dash: "dot" } };
}

function labelOf(change, color) {
  const relative = change.of.points[change.after].relative;
  return { x: middle(change), y: Math.log10(relative), xanchor: "left", yanchor: "bottom", showarrow: false, font: { color }, text: ` ${format.ratio(change.ratio)}` };
}

export const show = shown(History);
