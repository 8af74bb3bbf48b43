// What the plugin's backend answers.

/** Where the backend is, whatever TensorBoard's own address: data/plugin/opbench/. */
const BASE = new URL("../../", import.meta.url);

/** The command that shows what a page leaves out; null, as this one has all of it. */
export const ELSEWHERE = null;

/**
 * The answer to a question, "runs" say. A parameter that is a list is asked with each of its values.
 * Throws an Error whose message is for people.
 */
export async function ask(route, parameters = {}, signal = undefined) {
  const url = new URL(route, BASE);
  for (const [key, value] of Object.entries(parameters)) {
    for (const item of [value].flat()) url.searchParams.append(key, item);
  }
  const response = await fetch(url, { signal });
  if (!response.ok) throw new Error(await reason(response));
  return response.json();
}

/** The address of something that isn't JSON, a trace say. */
export function addressOf(route, parameters = {}) {
  const url = new URL(route, BASE);
  for (const [key, value] of Object.entries(parameters)) url.searchParams.append(key, value);
  return url.href;
}

async function reason(response) {
  try {
    return (await response.json()).error;
  } catch {
    return `TensorBoard answered ${response.status}; what it printed says more`;
  }
}
