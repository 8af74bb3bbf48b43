// Unpacks a report, and shows it as TensorBoard shows the plugin: its modules come from an import map.

/** What was compressed and written as base64. */
globalThis.opbenchUnpacked = (packed) => {
  const bytes = Uint8Array.from(atob(packed), (sign) => sign.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip")));
};

async function start(nonce) {
  const { imports, charts, library, ...answers } = JSON.parse(document.getElementById("contents").textContent);
  globalThis.opbenchReport = answers;
  // As an address that holds it, the library would be three times as large.
  const script = new Blob([await opbenchUnpacked(library).arrayBuffer()], { type: "text/javascript" });
  const map = document.createElement("script");
  Object.assign(map, {
    type: "importmap",
    nonce,
    textContent: JSON.stringify({ imports: { ...imports, [charts]: URL.createObjectURL(script) } }),
  });
  document.head.append(map);
  await (await import("opbench/index.js")).render();
}

start(document.currentScript.nonce).catch((error) => {
  document.body.textContent = `This browser can't show the report; one of 2023 or later does. (${error.message})`;
});
