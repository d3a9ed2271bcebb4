import type { Plugin } from 'vite';

/**
 * What the page may do, on whatever host: contact the server that it came from and no other, and run no text as code but
 * WebAssembly. `graft studio` sends the same as a header (packages/graft-ml/src/serve/studio-server.ts), and that nobody
 * may frame the page, which only a header can say.
 */
const policy = [
  "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'",
  "img-src 'self' blob: data:; media-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'none'",
].join('; ');

/** Writes the policy into the page. */
export function policyPlugin(): Plugin {
  return {
    name: 'graft-policy',
    apply: 'build',
    transformIndexHtml: () => [
      {
        tag: 'meta',
        attrs: { 'http-equiv': 'Content-Security-Policy', content: policy },
        injectTo: 'head-prepend',
      },
    ],
  };
}
