// Numbers for people, as the command line prints them: three digits and the scale that fits.

export const NOTHING = "-";

const TIMES = [[1, "s"], [1e-3, "ms"], [1e-6, "µs"], [1e-9, "ns"]];
const BYTES = [[1e12, "TB"], [1e9, "GB"], [1e6, "MB"], [1e3, "kB"], [1, "B"]];

const FLOPS = [[1e12, "TFLOP"], [1e9, "GFLOP"], [1e6, "MFLOP"], [1e3, "kFLOP"], [1, "FLOP"]];

const isKnown = (value) => value !== null && value !== undefined && Number.isFinite(value);

/** "12.3 µs" */
export const time = (seconds) => scaled(seconds, TIMES);

/** "1.50 MB", "512 B" */
export function bytes(count) {
  if (isKnown(count) && Math.abs(count) < 1000 && Number.isInteger(count)) return `${count} B`;
  return scaled(count, BYTES);
}

/** "1.50 MFLOP" */
export const flops = (count) => (count === 0 ? "0 FLOP" : scaled(count, FLOPS));

/** Three digits: "0.123", "12.3", "1230" */
export function number(value) {
  if (!isKnown(value)) return NOTHING;
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-3) return value.toExponential(2);
  const decimals = Math.max(0, 2 - Math.floor(Math.log10(Number(size.toPrecision(3)))));
  return Number(value.toPrecision(3)).toFixed(decimals);
}

/** "1.23x", from 100 on without decimals */
export const ratio = (value) => (isKnown(value) ? `${ratioDigits(value)}x` : NOTHING);

/** "[1.20, 1.26]", with "?" for an end that isn't known */
export function interval(low, high) {
  return `[${isKnown(low) ? ratioDigits(low) : "?"}, ${isKnown(high) ? ratioDigits(high) : "?"}]`;
}

/** "83% memory", with "!" where it can't be true */
export function share(value, bound, suspicious) {
  return isKnown(value) ? `${Math.round(100 * value)}% ${bound}${suspicious ? "!" : ""}` : NOTHING;
}

/** "4.3%" */
export const percent = (value) => (isKnown(value) ? `${(100 * value).toFixed(1)}%` : NOTHING);

/** "2026-01-02 03:04 UTC" of ISO text; the text itself where it is no date. */
export function date(text) {
  const parsed = new Date(text);
  if (!text || Number.isNaN(parsed.getTime())) return text || "unknown date";
  return `${parsed.toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

/** "1 run", "3 runs" */
export const count = (many, what) => `${many.toLocaleString("en")} ${what}${many === 1 ? "" : "s"}`;

const ratioDigits = (value) => (value >= 100 ? value.toFixed(0) : value.toFixed(2));

function scaled(value, scales) {
  if (!isKnown(value)) return NOTHING;
  const size = Math.abs(value);
  const [factor, unit] = scales.find(([scale]) => size >= scale * 0.9995) ?? scales.at(-1);
  return `${number(value / factor)} ${unit}`;
}
