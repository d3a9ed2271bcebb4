/* The browser and a page for it, for tests and benchmarks. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Browser, chromium } from 'playwright-core';
import { build } from 'vite';

const places = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const executablePath = process.env.CHROMIUM ?? places.find((path) => existsSync(path));

/** Whether there is a browser to test in. Where there is none, `what` is said to be skipped. */
export function hasBrowser(what: string): boolean {
  if (executablePath !== undefined) return true;
  console.warn(`No browser in ${places.join(', ')} or CHROMIUM: ${what} are skipped.`);
  return false;
}

/**
 * The browser. Its owner closes it. With `gpu` it also takes a GPU that is a program (SwiftShader), with `camera` it has
 * one that shows a moving pattern.
 */
export function launch({ gpu = false, camera = false } = {}): Promise<Browser> {
  const args = process.getuid?.() === 0 ? ['--no-sandbox'] : []; // Chromium has none for root
  // Memory is measured at once, where Chromium would wait for some seconds until it collects garbage anyway.
  args.push('--enable-blink-features=ForceEagerMeasureMemory');
  if (gpu) args.push('--enable-unsafe-webgpu');
  if (camera) args.push('--use-fake-device-for-media-stream');
  return chromium.launch({ ...(executablePath && { executablePath }), args });
}

/** Bundles a page into a folder. */
export async function buildPage(folder: string, root = fileURLToPath(new URL('./', import.meta.url))): Promise<void> {
  await build({
    root,
    base: './',
    configFile: false,
    logLevel: 'error',
    build: { outDir: folder, target: 'esnext', emptyOutDir: true },
    worker: { format: 'es' },
  });
}
