import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const wasmFile = createRequire(import.meta.url).resolve('onnxruntime-web/ort-wasm-simd-threaded.wasm');

/** What a process of its own prints, because onnxruntime-web is set up once: twice 1 and 2, or why not. */
function doubled(options: string): string {
  const script = `
    const { readFileSync } = await import('node:fs');
    const { createRuntime } = await import('@graft-ml/web');
    const { input } = await import('@graft-ml/core/graph');
    const { mul } = await import('@graft-ml/core/ops');
    try {
      const program = await createRuntime(${options}).compile({ y: mul(input('x', 'f32', [2]), 2) });
      const { y } = await program.run({ x: { dtype: 'f32', shape: [2], data: Float32Array.of(1, 2) } });
      console.log(y.data.join());
    } catch (error) {
      console.log(error.name, error.message);
    }`;
  const cwd = fileURLToPath(new URL('./', import.meta.url)); // where packages are found
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    cwd,
    encoding: 'utf8',
  });
  return stdout + stderr;
}

test('the content of the WebAssembly file can be given, and nothing is said on the way', () => {
  expect(doubled(`{ wasmBinary: readFileSync(${JSON.stringify(wasmFile)}) }`)).toBe('2,4\n');
});

test.each([
  ['a file that is not there', "{ wasmPaths: { wasm: 'file:///nowhere/ort.wasm' } }"],
  ['a file that is something else', '{ wasmBinary: Uint8Array.of(1, 2, 3, 4) }'],
])('%s', (_name, options) => {
  expect(doubled(options)).toMatch(
    /UserError onnxruntime-web does not start here: .*wasmPaths says where it is served/s,
  );
});
