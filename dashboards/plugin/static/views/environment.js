// Environment: the machine and the versions of a run, its warnings, ceilings, anchors, calibration.

import { COLOURS, draw } from "../charts.js";
import { el, name as named } from "../dom.js";
import * as format from "../format.js";

export const name = "environment";
export const title = "Environment";
export const runs = "one";
export const fits = (run) => Boolean(run.environment);
export const missing = [
  "There is no run below the log directory that can be read.",
  "opbench run patch_pooling -k tiny --out runs",
];

export async function show(place, page) {
  const update = async (changed) => {
    const answer = await changed.ask("environment", { run: changed.run.id });
    place.replaceChildren(
      el("div", { class: "half" }, run(answer), warnings(answer), facts(answer)),
      el("div", { class: "half" }, ...ceilings(answer), anchors(answer), calibrations(answer), others(answer)),
    );
    await Promise.all(answer.ceilings.map((one, index) => chart(place, one, index)));
  };
  await update(page);
  return update;
}

function section(heading, ...children) {
  return el("section", {}, el("h2", {}, heading), ...children);
}

/** A table of names and values. */
function pairs(rows, label) {
  return el("table", { class: "pairs", "aria-label": label }, el("tbody", {}, rows.map(([key, value]) =>
    el("tr", {}, el("th", { scope: "row" }, named(key)), el("td", {}, el("bdi", {}, value))))));
}

function run(answer) {
  const { tie, precision, error } = answer.rules;
  const rules = `tie ${format.percent(tie)}, precision ${format.percent(precision)}, error ${format.percent(error)}`;
  const rows = [
    ["run", answer.id],
    ["began", format.date(answer.created)],
    ["command", answer.command.join(" ") || "unknown"],
    ["rules of its races", rules],
    ["environment key", answer.key],
  ];
  const settings = answer.settings.filter(([, value]) => value !== "null" && value !== '""');
  return section(
    "Run",
    pairs(rows, "Run"),
    settings.length ? el("details", {}, el("summary", {}, "all options"), pairs(settings, "Options")) : null,
  );
}

function warnings(answer) {
  const items = answer.warnings.map((text) => el("li", {}, el("bdi", {}, text)));
  return section(
    "Warnings",
    items.length ? el("ul", { class: "warnings" }, items) : el("p", { class: "note" }, "none: the machine was quiet when the run began"),
  );
}

function facts(answer) {
  return section(
    "Machine and versions",
    pairs(answer.stable, "Facts that decide whether runs may be compared"),
    answer.volatile.length
      ? el("details", {}, el("summary", {}, "what only explains: load, frequency …"), pairs(answer.volatile, "Facts that explain"))
      : null,
  );
}

function ceilings(answer) {
  if (!answer.ceilings.length) {
    return [section("Ceilings", el("p", { class: "note" }, "Not measured. Do this before a run: ", el("code", {}, "opbench calibrate --ceilings")))];
  }
  return answer.ceilings.map((one, index) => section(
    `Ceilings · ${one.device}, ${format.count(one.threads, "thread")}`,
    pairs(
      [
        ...one.matmul.map(([dtype, rate]) => [`matrix product, ${dtype}`, `${format.number(rate / 1e9)} GFLOP/s`]),
        ["dispatch: an op that does nothing", format.time(one.dispatch_s)],
      ],
      "Ceilings of arithmetic and dispatch",
    ),
    el("div", { class: "chart", id: `ceilings-${index}`, role: "img", "aria-label": "Memory: bytes per second by size" }),
    el(
      "details",
      {},
      el("summary", {}, "memory as numbers"),
      pairs(one.memory.map(([size, rate]) => [`${format.bytes(size)} a call`, `${format.number(rate / 1e9)} GB/s`]), "Ceilings of memory"),
    ),
  ));
}

async function chart(place, one, index) {
  const line = {
    x: one.memory.map(([size]) => size),
    y: one.memory.map(([, rate]) => rate / 1e9),
    customdata: one.memory.map(([size]) => format.bytes(size)),
    hovertemplate: "%{customdata} a call: %{y:.3g} GB/s<extra></extra>",
    mode: "lines+markers",
    line: { color: COLOURS[0] },
  };
  await draw(place.querySelector(`#ceilings-${index}`), [line], {
    xaxis: { type: "log", title: { text: "bytes moved by a call" }, exponentformat: "SI" },
    yaxis: { type: "log", dtick: "D2", title: { text: "GB/s" } },
    showlegend: false,
  });
}

function anchors(answer) {
  if (!answer.anchors.length) {
    return section("Anchors", el("p", { class: "note" }, "None were timed: this run is left out of ratios in the history."));
  }
  return section(
    "Anchors",
    el("p", { class: "note" }, "What the machine took for three reference workloads before the races."),
    answer.anchors.map((one) => pairs(
      one.times.map(([anchor, time]) => [anchor.replace("anchor_", ""), format.time(time)]),
      `Anchors on ${one.device}, ${one.threads} threads`,
    )),
  );
}

function calibrations(answer) {
  if (!answer.calibrations.length) {
    return section("Calibration of the gate", el("p", { class: "note" }, "Not in this run. How often the gate errs on this machine: ", el("code", {}, "opbench calibrate --gate")));
  }
  return section("Calibration of the gate", answer.calibrations.map(calibration));
}

function calibration(one) {
  const rows = one.rows.map((row) => el(
    "tr",
    {},
    el("th", { scope: "row" }, row.slowdown ? `${format.percent(row.slowdown)} in one contender` : "nothing"),
    el("td", { class: "number" }, `${row.failed} of ${row.of}`),
    el("td", { class: "number" }, `${format.percent(row.low)} to ${format.percent(row.high)}`),
  ));
  const head = ["injected", "sessions that failed for it", "95% interval"].map((text) => el("th", { scope: "col" }, text));
  const spreads = one.spreads.map(([method, spread]) => `${format.percent(spread)} for ${method}`).join(", ");
  return el(
    "div",
    {},
    el("p", { class: "note" },
      `${format.count(one.sessions, "session")} of ${one.subjects} contenders and cases on ${one.device}, ` +
      `${format.count(one.threads, "thread")}, resampled; of the unchanged ${one.void} void, ` +
      `${one.inconclusive} inconclusive${spreads ? `; sd between units ${spreads}` : ""}`),
    el("table", { "aria-label": "Calibration" }, el("thead", {}, el("tr", {}, head)), el("tbody", {}, rows)),
  );
}

function others(answer) {
  if (!answer.others.length) {
    return section("Other runs", el("p", { class: "note" }, "There are none below the log directory."));
  }
  const differing = answer.others.filter((one) => !one.same);
  const same = answer.others.length - differing.length;
  const items = differing.slice(0, 50).map((one) => el(
    "details",
    {},
    el("summary", {}, named(one.id), `: ${one.differs.map(([fact]) => fact).join(", ") || "another key"}`),
    pairs(one.differs.map(([fact, mine, theirs]) => [fact, `${mine || "none"} here, ${theirs || "none"} there`]), "Differences"),
  ));
  return section(
    "Other runs",
    el("p", { class: "note" }, `${format.count(same, "other run")} of the same environment; ${differing.length} of others, whose times can't be compared${differing.length ? ". They differ in:" : ""}`),
    items,
  );
}
