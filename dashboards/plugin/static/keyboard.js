// The points of a chart by the keyboard: arrows go from one to the next, and what a hover shows is
// read out. Left and right stay on a line, up and down change lines, Home and End go to its ends.

import { el } from "./dom.js";

const HINT = "arrow keys go from point to point";
const SIGNS = { "&amp;": "&", "&lt;": "<", "&gt;": ">", "&#34;": '"', "&#39;": "'", "&#36;": "$" };

/** The lines that have points which say something, as plotly numbers them. */
const linesOf = (place) => place.data
  .map((trace, curve) => ({ curve, trace, texts: trace.hovertext }))
  .filter(({ trace, texts }) => Array.isArray(texts) && texts.length && trace.visible !== "legendonly" && trace.x);

/** A text of a hover without what plotly reads as HTML. */
const plain = (text) => text
  .replace(/<br>/g, "; ").replace(/<\/?b>/g, "")
  .replace(/&(amp|lt|gt|#34|#39|#36);/g, (sign) => SIGNS[sign]).replace(/\u200b/g, "");

/**
 * Let the keyboard reach the points of a drawn chart. Of a chart that was drawn before, the place is
 * kept as far as there is one. A chart without such points (a flame graph) stays a picture.
 */
export function reachable(place, Plotly) {
  place.reached ??= new Reached(place, Plotly);
  place.reached.follow();
}

class Reached {
  constructor(place, Plotly) {
    Object.assign(this, { place, Plotly, line: 0, point: -1 });
    this.label = place.getAttribute("aria-label");
    this.said = el("p", { class: "said", role: "status" });
    place.addEventListener("keydown", (event) => this.press(event));
    place.addEventListener("blur", () => this.leave());
  }

  /** Be what the chart is now. */
  follow() {
    const count = linesOf(this.place).length;
    this.place.setAttribute("role", count ? "application" : "img");
    this.place.setAttribute("aria-label", count ? `${this.label}: ${HINT}` : this.label);
    if (!count) {
      this.place.removeAttribute("tabindex");
      return;
    }
    this.place.setAttribute("tabindex", "0");
    this.place.setAttribute("aria-roledescription", "chart");
    this.place.after(this.said);
  }

  press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const lines = linesOf(this.place);
    if (event.key === "Escape") this.leave();
    else if (!lines.length || !this.move(event.key, lines)) return;
    else this.show(lines[this.line]);
    event.preventDefault();
  }

  /** Go where a key leads; whether it leads anywhere. */
  move(key, lines) {
    this.line = Math.min(this.line, lines.length - 1);
    const last = lines[this.line].texts.length - 1;
    const steps = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };
    if (key in steps) {
      this.point = Math.max(0, Math.min(last, this.point + steps[key]));
    } else if (key === "ArrowUp" || key === "ArrowDown") {
      const before = lines[this.line];
      const step = key === "ArrowDown" ? 1 : -1;
      this.line = (this.line + step + lines.length) % lines.length;
      this.point = nearest(lines[this.line].trace.x, before.trace.x[Math.max(0, Math.min(last, this.point))]);
    } else {
      return false;
    }
    return true;
  }

  show({ curve, texts }) {
    this.said.textContent = plain(texts[this.point]);
    this.Plotly.Fx.hover(this.place, [{ curveNumber: curve, pointNumber: this.point }]);
  }

  leave() {
    this.said.textContent = "";
    this.Plotly.Fx.unhover(this.place);
  }
}

/** The place of the value that is nearest to another; the first where they are no numbers. */
function nearest(values, wanted) {
  const distances = Array.from(values, (value) => Math.abs(value - wanted));
  return Math.max(0, distances.indexOf(Math.min(...distances)));
}
