// The answer to "leaderboard", which comes in columns, as rows.

/**
 * Rows with all fields of their cases; `run` is the id, `text` what filters look at, with the run only
 * where there are several.
 */
export function rowsOf(answer) {
  const names = Object.keys(answer.rows);
  const cases = answer.cases.map((one) => ({ ...one, run: answer.runs[one.run].id }));
  answer.rows.verdict.forEach((verdict, index) => {
    if (verdict === "tied") cases[answer.rows.case[index]].hasTie = true;
  });
  return answer.rows.case.map((number, index) => {
    const row = Object.create(cases[number]);
    for (const name of names) row[name] = answer.rows[name][index];
    row.case = cases[number];
    row.text = textOf(row, answer.runs.length > 1);
    return row;
  });
}

function textOf(row, withRun) {
  const parts = [row.op, row.contender, row.verdict, row.label, row.sizes, row.note];
  return (withRun ? [...parts, row.run] : parts).join(" ").toLowerCase();
}

/** What may stand before ":", and the field of a row that it is looked for in. */
const TEXTS = {
  run: "run", op: "op", case: "label", sizes: "sizes", contender: "contender", verdict: "verdict",
  pass: "direction", dtype: "dtype", inputs: "inputs", layout: "layout", device: "device", note: "note",
};
/** What may stand before "<" and ">", and the field of a row that is compared. */
const NUMBERS = {
  ratio: "ratio", time: "time_s", ceiling: "share", samples: "samples", threads: "threads",
  memory: "peak_bytes", error: "error",
};
const UNITS = {
  "": 1, x: 1, "%": 0.01, s: 1, ms: 1e-3, us: 1e-6, "µs": 1e-6, ns: 1e-9,
  b: 1, kb: 1e3, mb: 1e6, gb: 1e9,
};
const COMPARISON = /^(\w+)([<>])([\d.]+)(\D*)$/;

/**
 * Whether a row is meant by what somebody typed: each word stands in it somewhere, "verdict:best" in
 * that column, and "ratio>2" or "time<1ms" holds. With `regex`, the expression fits the row's text.
 * Throws a SyntaxError where the expression is none.
 */
export function filterOf(typed, regex) {
  if (!typed.trim()) return () => true;
  if (regex) {
    const expression = new RegExp(typed, "iu");
    return (row) => expression.test(row.text);
  }
  const conditions = typed.toLowerCase().split(/\s+/).filter(Boolean).map(conditionOf);
  return (row) => conditions.every((holds) => holds(row));
}

function conditionOf(part) {
  const compared = COMPARISON.exec(part);
  if (compared && Object.hasOwn(NUMBERS, compared[1]) && Object.hasOwn(UNITS, compared[4])) {
    return comparison(NUMBERS[compared[1]], compared[2], Number(compared[3]) * UNITS[compared[4]]);
  }
  const at = part.indexOf(":");
  if (at > 0 && Object.hasOwn(TEXTS, part.slice(0, at))) {
    const field = TEXTS[part.slice(0, at)];
    const text = part.slice(at + 1);
    return (row) => String(row[field]).toLowerCase().includes(text);
  }
  return (row) => row.text.includes(part);
}

function comparison(field, sign, limit) {
  return (row) => {
    const value = row[field];
    return value !== null && (sign === "<" ? value < limit : value > limit);
  };
}
