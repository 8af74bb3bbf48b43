// What a report holds of the backend's answers: in place of the plugin's api.js.

const { tags, bodies, refusals, elsewhere } = globalThis.opbenchReport;

/** The command that shows what a report leaves out. */
export const ELSEWHERE = elsewhere;

/** As the plugin's; throws an Error as well where the answer was left out. */
export async function ask(route, parameters = {}) {
  if (route === "profile" && parameters.other) return pairOf(parameters);
  const question = questionOf(route, parameters);
  if (Object.hasOwn(refusals, question)) throw new Error(refusals[question]);
  if (!Object.hasOwn(tags, question)) throw new Error(`This report leaves that out. Where it was written, this shows it: ${elsewhere}`);
  return globalThis.opbenchUnpacked(bodies[tags[question]]).json();
}

/** A report has no server: nothing but answers. */
export const addressOf = () => null;

/** Two profiles, each held once, and how they differ. */
async function pairOf({ profile, other }) {
  const [first, second, changes] = await Promise.all([
    ask("profile", { profile }), ask("profile", { profile: other }), ask("changes", { profile, other }),
  ]);
  return { profiles: [...first.profiles, ...second.profiles], changes };
}

/** A question as it was asked when the report was written. */
function questionOf(route, parameters) {
  const given = Object.entries(parameters).sort(([one], [other]) => (one < other ? -1 : 1));
  return [route, ...given.map(([name, value]) => `${name}=${value}`)].join("\n");
}
