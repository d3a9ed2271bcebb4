import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts', 'attack/**/*.test.ts'],
    pool: 'forks', // onnxruntime-node keeps process-wide state; worker threads would share it
    // Timings of kernels are kept with the build, not in the home of whoever runs the tests.
    env: { GRAFT_CACHE: fileURLToPath(new URL('node_modules/.cache/graft', import.meta.url)) },
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
