/* Serves the built site on this machine alone: `npm run docs:preview`. */
import { existsSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type PreviewServer, preview } from 'vite';

/** The built site at an address of this machine. */
export function serveSite(root: string, port: number): Promise<PreviewServer> {
  return preview({
    configFile: false,
    root: `${root}/site`,
    appType: 'mpa', // a page that does not exist is a 404
    logLevel: 'error',
    preview: { host: '127.0.0.1', port },
  });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  if (!existsSync(`${root}/site/dist/index.html`)) throw new Error('The site is not built yet: npm run docs');
  const { resolvedUrls } = await serveSite(root, 4173);
  console.log(resolvedUrls?.local[0]);
}
