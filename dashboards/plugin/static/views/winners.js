// Winners: per op a grid of its cases, each with who is best and by how much.

import { choice, delayed, el, name as named } from "../dom.js";
import { addStylesheet } from "../panels.js";
import { RegionMap } from "../region_map.js";
import { filterOf, rowsOf } from "../rows.js";
import { FIELDS, fieldOf, gridsOf, opsWithMaps, shareOfWins } from "../winner_grids.js";

export const name = "winners";
export const title = "Winners";
export const runs = "one";
export const fits = (run) => Boolean(run.lines.Record);
export const missing = [
  "There is no race below the log directory yet.",
  "opbench run patch_pooling -k tiny --out runs",
];

export async function show(place, page) {
  addStylesheet();
  const winners = new Winners(place, page);
  await winners.update(page);
  return (changed) => winners.update(changed);
}

class Winners {
  constructor(place, page) {
    this.typed = el("input", {
      type: "search",
      placeholder: "filter: einsum pass:backward",
      "aria-label": "Filter cases",
      value: page.parameters.filter ?? "",
    });
    this.typed.addEventListener("input", delayed(() => this.choose({ filter: this.typed.value }), 50));
    this.across = el("span");
    this.summary = el("p", { class: "note", role: "status" });
    this.grids = el("div", { class: "grids" });
    this.maps = new Map();
    place.append(el("div", { class: "tools" }, this.typed, this.across), this.summary, this.grids);
  }

  async update(page) {
    this.page = page;
    this.rows = rowsOf(await page.ask("leaderboard", { run: page.run.id }));
    const ops = opsWithMaps(this.rows);
    for (const op of ops) {
      if (!this.maps.has(op)) this.maps.set(op, new RegionMap(op, (changes) => this.keep(changes)));
    }
    this.draw();
    // The address may name an op of another run.
    const given = page.parameters.map;
    const open = given === "none" || ops.includes(given) ? given : ops[0];
    for (const [op, map] of this.maps) map.update(page, op === open);
  }

  choose(changes) {
    this.keep(changes);
    this.draw();
  }

  keep(changes) {
    Object.assign(this.page.parameters, changes);
    this.page.keep(changes);
  }

  draw() {
    const across = FIELDS.some(([field]) => field === this.page.parameters.across)
      ? this.page.parameters.across
      : "shape";
    this.across.replaceChildren(
      choice("columns", FIELDS, across, (field) => this.choose({ across: field })),
    );
    const keep = filterOf(this.page.parameters.filter ?? "", false);
    const cases = new Set(this.rows.filter(keep).map((row) => row.case));
    const grids = gridsOf(this.rows.filter((row) => cases.has(row.case)), across);
    this.summary.textContent = shareOfWins(grids);
    this.grids.replaceChildren(...grids.map((grid) => this.grid(grid, across)));
    if (!grids.length) this.grids.replaceChildren(el("p", { class: "nothing" }, "no case is meant by this"));
  }

  grid(grid, across) {
    const columns = grid.columns.map((column) =>
      el("th", { scope: "col" }, named(column), el("div", { class: "note" }, grid.sizes.get(column) ?? "")));
    const lines = grid.lines.map((line) =>
      el(
        "tr",
        {},
        el("th", { scope: "row" }, named(line)),
        grid.columns.map((column) => this.cell(grid.cells.get(line)?.get(column) ?? [])),
      ));
    return el(
      "section",
      {},
      el("h2", {}, named(grid.op)),
      el(
        "div",
        { class: "wide" },
        el(
          "table",
          { class: "winners", "aria-label": `Winners of ${grid.op}` },
          el("thead", {}, el("tr", {}, el("th", {}, `${fieldOf(across)} →`), columns)),
          el("tbody", {}, lines),
        ),
      ),
      this.maps.get(grid.op)?.element,
    );
  }

  cell(winners) {
    return el("td", {}, winners.map((winner) => this.winner(winner)));
  }

  winner(winner) {
    const values = { view: "leaderboard", run: this.page.run.id, case: winner.key };
    return el(
      "a",
      {
        class: `winner ${winner.state}`,
        href: this.page.link(values),
        target: "_top",
        title: winner.title,
        style: `--strength: ${winner.strength.toFixed(2)}`,
        on: { click: (event) => this.page.follow(event, values) },
      },
      winner.best === null ? "nothing was measured" : el("strong", {}, named(winner.best)),
      el("span", { class: "margin" }, winner.margin),
    );
  }
}
