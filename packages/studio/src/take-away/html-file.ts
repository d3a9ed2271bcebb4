import wasm from 'onnxruntime-web/ort-wasm-simd-threaded.wasm?url';

/**
 * Writes one HTML file with a model in it, which answers images and the webcam without a network: network, WebAssembly
 * and script all lie in the page, which its policy lets contact nobody.
 *
 * @param name of the run, for the title
 * @param model what `toOnnx` wrote
 */
export async function htmlFile(name: string, model: Uint8Array<ArrayBuffer>): Promise<Blob> {
  const [script, engine] = await Promise.all([served('predictor/predictor.js'), served(wasm)]);
  const title = escaped(name);
  const parts = [
    `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${title} · Graft</title>`,
    `<meta name="viewport" content="width=device-width, initial-scale=1">`,
    `<meta http-equiv="Content-Security-Policy" content="${policy}"><style>${style}</style></head>`,
    `<body><main><h1>${title}</h1><p id="status" role="status">Starting …</p>`,
    '<div id="controls" hidden><label>Choose an image <input id="file" type="file" accept="image/*"></label>',
    '<button id="camera" type="button">Use the webcam</button><p>or drop or paste an image anywhere.</p></div>',
    '<div id="shown"></div><ul id="answer"></ul></main>',
    `<script type="text/plain" id="model">${await packed(model)}</script>`,
    `<script type="text/plain" id="wasm">${await packed(await engine.arrayBuffer())}</script>`,
    `<script type="module">${(await script.text()).replaceAll('</script', '<\\/script')}</script></body></html>`,
  ];
  return new Blob(parts, { type: 'text/html' });
}

const policy = [
  "default-src 'none'; script-src 'unsafe-inline' 'wasm-unsafe-eval'; style-src 'unsafe-inline'",
  'img-src blob: data:; media-src blob:',
].join('; ');

const style = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 34rem; margin: 2rem auto; padding: 0 1rem; }
#controls { display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: center; }
#controls[hidden] { display: none; }
#controls p { flex-basis: 100%; margin: 0; }
#shown :is(img, video) { width: 100%; max-height: 60vh; object-fit: contain; margin: 1rem 0; border-radius: 8px; }
ul { list-style: none; margin: 0; padding: 0; }
li { display: grid; grid-template-columns: 1fr auto; }
meter { grid-column: 1 / -1; width: 100%; }`;

async function served(path: string): Promise<Response> {
  const response = await fetch(new URL(path, document.baseURI));
  if (response.ok) return response;
  throw new Error(`${path} could not be loaded from the server that this page came from.`);
}

/** gzip, in base64. */
async function packed(content: Uint8Array<ArrayBuffer> | ArrayBuffer): Promise<string> {
  const stream = new Blob([content]).stream().pipeThrough(new CompressionStream('gzip'));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  const characters: string[] = [];
  const most = 0x8000; // arguments of one call
  for (let i = 0; i < bytes.length; i += most) characters.push(String.fromCharCode(...bytes.subarray(i, i + most)));
  return btoa(characters.join(''));
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
