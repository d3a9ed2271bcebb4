import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));

/** Tests that measure their process, or watch how it loads a library that another file may have loaded. */
const ofTheProcess = ['packages/core/src/**/memory.test.ts', 'packages/web/src/runtime/create.test.ts'];

export default defineConfig({
  resolve: {
    // Tests run the sources; what runs in threads and processes of its own is built.
    alias: [
      { find: /^@graft-ml\/core\/internal\/(.*)$/, replacement: `${path('packages/core/src')}/$1.ts` },
      { find: /^@graft-ml\/core\/([\w-]+)$/, replacement: `${path('packages/core/src/entries')}/$1.ts` },
      { find: /^@graft-ml\/core$/, replacement: path('packages/core/src/index.ts') },
      { find: /^@graft-ml\/web\/internal\/(.*)$/, replacement: `${path('packages/web/src')}/$1.ts` },
      { find: /^@graft-ml\/web$/, replacement: path('packages/web/src/index.ts') },
      { find: /^graft-ml\/internal\/(.*)$/, replacement: `${path('packages/graft-ml/src')}/$1.ts` },
      { find: /^graft-ml\/([\w-]+)$/, replacement: `${path('packages/graft-ml/src/entries')}/$1.ts` },
      { find: /^graft-ml$/, replacement: path('packages/graft-ml/src/index.ts') },
    ],
  },
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: 'apart',
          include: [
            'packages/graft-ml/src/**/*.test.ts',
            'test/**/*.test.ts',
            'attack/**/*.test.ts',
            'bench/**/*.test.ts',
            ...ofTheProcess,
          ],
        },
      },
      {
        extends: true,
        test: {
          // What also runs in a page keeps nothing in its process: files share one, which loads its modules once.
          name: 'shared',
          include: ['packages/{core,web,studio}/src/**/*.test.ts'],
          exclude: ofTheProcess,
          isolate: false,
        },
      },
    ],
    pool: 'forks', // onnxruntime-node keeps process-wide state; worker threads would share it
    // Timings of kernels are kept with the build, not in the home of whoever runs the tests.
    // Two files are tested at once, each on one core: threads of two sessions that wait for each other keep both cores
    // busy with it, and all the tests take a quarter longer. What threads change is tested with `threads: 2`.
    env: { GRAFT_CACHE: path('node_modules/.cache/graft'), GRAFT_THREADS: '1' },
    maxWorkers: 2,
    allowOnly: false, // the linter takes the function fit for a focused test, so that it does not look
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
