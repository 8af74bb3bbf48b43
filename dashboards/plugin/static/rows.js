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

/**
 * Whether a row is meant by what somebody typed: every word stands in it somewhere; with `regex`, the
 * expression fits it. Throws a SyntaxError where the expression is none.
 */
export function filterOf(typed, regex) {
  if (!typed.trim()) return () => true;
  if (regex) {
    const expression = new RegExp(typed, "iu");
    return (row) => expression.test(row.text);
  }
  const parts = typed.toLowerCase().split(/\s+/).filter(Boolean);
  return (row) => parts.every((part) => row.text.includes(part));
}
