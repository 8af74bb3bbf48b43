// Roofline: the contenders of an op under the measured ceilings, and how much of them is left.

import { draw, escaped, look } from "../charts.js";
import { choice, el, nothingYet } from "../dom.js";
import * as format from "../format.js";
import { chartPlace, hover, logAxis, numberColumn, panel, shown, SortedTable, textColumn, View } from "../panels.js";

export const name = "roofline";
export const title = "Roofline";
export const runs = "one";
export const fits = (run) => Boolean(run.lines.Record);
export const missing = [
  "There is no race below the log directory yet.",
  "opbench run patch_pooling --out runs",
];

class Roofline extends View {
  constructor(place) {
    super(place);
    this.tools = el("div", { class: "tools" });
    this.note = el("p", { class: "note", role: "status" });
    this.arithmetic = chartPlace("arithmetic per second over operations per byte");
    this.memory = chartPlace("bytes per second over the bytes of a call");
    this.left = panel("Left of the ceiling");
    place.append(
      this.tools,
      this.note,
      el("div", { class: "pair" }, panel("Arithmetic", this.arithmetic), panel("Memory", this.memory)),
      this.left,
    );
  }

  load(page) {
    const { op } = page.parameters;
    return page.ask("roofline", { run: page.run.id, ...(op && { op }) })
      // The address may name an op of another run.
      .catch((error) => (op ? page.ask("roofline", { run: page.run.id }) : Promise.reject(error)));
  }

  async draw(answer, page) {
    this.instead(answer.op ? null : nothingYet("Nothing was measured in this run.", missing[1]));
    if (!answer.op) return;
    const settings = [...new Set(answer.points.map(settingOf))];
    const setting = settings.find((one) => one === page.parameters.setting) ?? settings[0];
    const points = answer.points.filter((point) => settingOf(point) === setting);
    const ceilings = answer.ceilings.find((one) => settingOf(one) === setting) ?? null;
    this.tools.replaceChildren(
      choice("op", answer.ops.map((op) => [op, op]), answer.op, (op) => page.go({ op })),
      ...(settings.length > 1 ? [choice("on", settings.map((one) => [one, one]), setting, (one) => page.go({ setting: one }))] : []),
    );
    this.note.textContent = ceilings
      ? `Ceilings as measured on this machine (${setting}); an empty call takes ${format.time(ceilings.dispatch_s)}. Solid: main memory; dotted: the fastest cache. The bytes and operations of a call are those that no implementation can do without.`
      : `The ceilings of ${setting} are not in this run. Do this: opbench calibrate --ceilings --threads ${points[0].threads}, and race again.`;
    this.drawLeft(points);
    const names = [...new Set(points.map((point) => point.contender))].sort();
    await this.drawArithmetic(points, ceilings, names);
    await this.drawMemory(points, ceilings, names);
  }

  async drawArithmetic(points, ceilings, names) {
    const known = points.filter((point) => point.flops > 0 && point.bytes > 0);
    const dtypes = [...new Set(known.map((point) => point.dtype))];
    const x = (point) => point.flops / point.bytes;
    const at = known.map(x);
    const low = Math.min(0.05, ...at) / 2;
    const high = Math.max(20, ...at) * 2;
    const roofs = ceilings ? roofsOf(ceilings, dtypes, low, high) : [];
    const y = [...known.map((point) => point.gflop_per_s), ...roofs.flatMap((roof) => roof.y)];
    await draw(this.arithmetic, [...roofs, ...marksOf(known, names, x, (point) => point.gflop_per_s, false)], {
      xaxis: logAxis([low, high], "operations per byte (compulsory)", format.number),
      yaxis: logAxis(y, "GFLOP/s", format.number),
      showlegend: false,
      hovermode: "closest",
      annotations: known.length ? [] : [{ text: "no arithmetic: this op moves data", showarrow: false, xref: "paper", yref: "paper", x: 0.5, y: 0.5 }],
    });
  }

  async drawMemory(points, ceilings, names) {
    const roof = ceilings ? [{
      x: ceilings.memory.map(([size]) => size),
      y: ceilings.memory.map(([, rate]) => rate / 1e9),
      name: "ceiling of memory", mode: "lines", line: { color: "#888888", width: 2, shape: "linear" },
      hovertext: ceilings.memory.map(([size, rate]) => `measured: ${format.number(rate / 1e9)} GB/s with ${format.bytes(size)}`),
      hoverinfo: "text",
    }] : [];
    const known = points.filter((point) => point.bytes > 0);
    const sizes = known.map((point) => point.bytes);
    const rates = known.map((point) => point.gb_per_s);
    const least = Math.min(...sizes) / 2;
    await draw(this.memory, [...roof, ...marksOf(known, names, (point) => point.bytes, (point) => point.gb_per_s, true)], {
      xaxis: logAxis([least, 2 * Math.max(...sizes), ...(roof[0]?.x ?? [])], "compulsory traffic of a call", format.bytes),
      yaxis: logAxis([...rates, ...(roof[0]?.y ?? [])], "GB/s", format.number),
      hovermode: "closest",
      legend: { orientation: "h", y: -0.22 },
    });
  }

  drawLeft(points) {
    this.table ??= new SortedTable(this.left, "Left of the ceiling");
    const of = (field) => (row) => row[field];
    const ordered = [...points].sort((one, other) => (other.share ?? -1) - (one.share ?? -1));
    this.table.show(ordered, [
      textColumn("contender", "contender", 150, of("contender")),
      textColumn("case", "case", 220, of("label")),
      textColumn("sizes", "sizes", 190, of("sizes")),
      textColumn("verdict", "verdict", 90, of("verdict"), (row) => el("span", { class: `verdict ${row.verdict}` }, row.verdict)),
      numberColumn("time", "time", 80, of("time_s"), format.time),
      { ...numberColumn("share", "ceiling", 110, of("share"), format.number, "share of the ceiling that is reached, and which ceiling"), cell: (row) => format.share(row.share, row.bound, row.suspicious) },
      { name: "bar", title: "reached | left", width: 200, value: of("share"), cell: bar },
      numberColumn("left", "left", 75, left, format.percent, "share of the ceiling that is left"),
      numberColumn("headroom", "headroom", 90, (row) => (row.share ? Math.max(1, 1 / row.share) : null), format.ratio, "how many times as fast a call could be at the ceiling"),
    ]);
  }
}

const settingOf = (one) => `${one.device}, ${format.count(one.threads, "thread")}`;
const left = (row) => (row.share === null ? null : Math.max(0, 1 - row.share));

/** What a call reaches of its ceiling, as the filled part of a bar. */
function bar(row) {
  if (row.share === null) return format.NOTHING;
  const label = `${format.percent(Math.min(1, row.share))} reached, ${format.percent(left(row))} left`;
  return el("span", { class: "share", role: "img", "aria-label": label, title: label },
    el("b", {}), el("i", { style: `width: ${Math.min(100, 100 * row.share)}%` }));
}

/** The roofs: main memory and the fastest cache, up to the peak of each dtype. */
function roofsOf(ceilings, dtypes, low, high) {
  const rates = ceilings.memory.map(([, rate]) => rate);
  const peaks = dtypes.filter((dtype) => Object.hasOwn(ceilings.matmul, dtype)).map((dtype) => [dtype, ceilings.matmul[dtype]]);
  const slopes = rates.length ? [["main memory", rates.at(-1)], ["fastest cache", Math.max(...rates)]] : [];
  return slopes.flatMap(([from, rate], number) => peaks.map(([dtype, peak]) => {
    const ridge = peak / rate;
    const x = [low, Math.min(Math.max(ridge, low), high), high];
    const text = escaped(`${from}: ${format.number(rate / 1e9)} GB/s; ${dtype}: ${format.number(peak / 1e9)} GFLOP/s`);
    return {
      x, y: x.map((value) => Math.min(peak, value * rate) / 1e9),
      mode: "lines", name: text, showlegend: false, hovertext: x.map(() => text), hoverinfo: "text",
      line: { color: "#888888", width: 2, dash: number ? "dot" : "solid" },
    };
  }));
}

function marksOf(points, names, x, y, showlegend) {
  return names.flatMap((contender) => {
    const own = points.filter((point) => point.contender === contender);
    const { color } = look(names.indexOf(contender));
    return own.length ? [{
      x: own.map(x), y: own.map(y), mode: "markers", name: escaped(contender, 30), showlegend,
      marker: { color, size: 9, symbol: names.indexOf(contender) % 8 },
      hovertext: own.map(pointText), hoverinfo: "text",
    }] : [];
  });
}

function pointText(point) {
  return hover(
    `<b>${escaped(point.contender)}</b>: ${point.verdict} ${format.ratio(point.ratio)}`,
    escaped(point.label),
    escaped(point.sizes),
    `time ${format.time(point.time_s)}, ${format.number(point.gb_per_s)} GB/s, ${format.number(point.gflop_per_s)} GFLOP/s`,
    `${format.bytes(point.bytes)}, ${point.flops.toLocaleString("en")} operations`,
    `ceiling ${format.share(point.share, point.bound, point.suspicious)}, ${format.percent(left(point))} left`,
  );
}

export const show = shown(Roofline);
