import { defineConfig } from 'vite';
import { filesPlugin } from './build/files.ts';
import { offlinePlugin } from './build/offline.ts';
import { policyPlugin } from './build/policy.ts';
import { scriptsPlugin } from './build/scripts.ts';

export default defineConfig({
  base: './', // any folder of any host
  build: { outDir: '../graft-ml/studio', emptyOutDir: true, target: 'esnext', assetsInlineLimit: 0 },
  plugins: [filesPlugin(), scriptsPlugin(), policyPlugin(), offlinePlugin()],
  worker: { format: 'es' }, // onnxruntime-web's threads load its script once more
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  resolve: { dedupe: ['preact'] }, // the site has another version, which @preact/signals would find first
});
