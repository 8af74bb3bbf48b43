// Charts by plotly, out of its installed package. It takes some HTML in texts: escape what is named.

import { reachable } from "./keyboard.js";

/** The address of plotly, which has its own and the page's version. */
export const LIBRARY = new URL("plotly.min.js", import.meta.url).href;

let library = null;

/** plotly, loaded when the first chart is drawn. */
export function plotly() {
  library ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = LIBRARY;
    script.onload = () => resolve(window.Plotly);
    script.onerror = () => {
      library = null;
      reject(new Error("plotly is not there: pip install plotly, and start TensorBoard again"));
    };
    document.head.append(script);
  });
  return library;
}

const ESCAPES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;" };

/** A text that plotly shows as it is; long ones are cut. */
export function escaped(text, longest = 80) {
  const points = Array.from(String(text));
  const cut = points.length > longest ? `${points.slice(0, longest - 1).join("")}…` : points.join("");
  // "%{" begins a field of a template, "$" a formula.
  return cut.replace(/[&<>"']/g, (sign) => ESCAPES[sign]).replace(/%\{/g, "%\u200b{").replace(/\$/g, "&#36;");
}

/** Colours that people who confuse red and green see as different, readable on light and on dark. */
export const COLOURS = [
  "#3b82c4", "#e07b00", "#2a9d6f", "#c2518f", "#8a6fd1", "#b58900", "#4aa8b5", "#d1495b", "#7a8794",
  "#6b9e2f",
];
const DASHES = ["solid", "dash", "dot", "dashdot"];

/** The look of the n-th line: beyond the colours there are, dashes set lines apart. */
export function look(number) {
  return {
    color: COLOURS[number % COLOURS.length],
    dash: DASHES[Math.floor(number / COLOURS.length) % DASHES.length],
  };
}

/** The same colour, so transparent. */
export function faded(colour, opacity) {
  const parts = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  return `rgba(${parts.join(",")},${opacity})`;
}

/** Nothing leaves the page: plotly would offer to upload a chart. */
const CONFIG = {
  displaylogo: false,
  responsive: true,
  showSendToCloud: false,
  plotlyServerURL: "",
  modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"],
};

/**
 * Draw a chart, or draw it anew where the place has one. Resolves to the place, which has plotly's
 * events (`place.on("plotly_click", …)`). Colours of text, axes and ground are the page's.
 */
export async function draw(place, traces, layout = {}, options = {}) {
  const Plotly = await plotly();
  const merged = { ...themed(layout), ...layout, xaxis: axis(layout.xaxis), yaxis: axis(layout.yaxis) };
  const drawn = await Plotly.react(place, traces, merged, { ...CONFIG, ...options });
  reachable(place, Plotly);
  return drawn;
}

function themed(layout) {
  const text = colourOf("--text");
  return {
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { color: text, family: "Roboto, system-ui, sans-serif", size: 13 },
    margin: { l: 70, r: 20, t: layout.title ? 48 : 34, b: 56 },
    hoverlabel: { bgcolor: colourOf("--ground"), font: { color: text }, align: "left", namelength: -1 },
    legend: { itemsizing: "constant" },
  };
}

function axis(given = {}) {
  return {
    gridcolor: colourOf("--line"),
    zerolinecolor: colourOf("--line"),
    linecolor: colourOf("--line"),
    automargin: true,
    ...given,
  };
}

/** The page's colour of that name. */
export function colourOf(property) {
  return getComputedStyle(document.body).getPropertyValue(property).trim();
}
