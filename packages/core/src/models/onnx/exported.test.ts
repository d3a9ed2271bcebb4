import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { relativeError, tolerance, withPrefix } from '../../../../../test/golden.ts';
import { compile } from '../../../../../test/run.ts';
import { runFile } from '../../../../../test/run-file.ts';
import { f32, type Tensor, type Tensors } from '../../base/tensor.ts';
import { grad } from '../../grad/index.ts';
import { input, typecheck } from '../../graph/index.ts';
import { crossEntropy, Scope } from '../../nn/index.ts';
import { softmax } from '../../ops/index.ts';
import { readSafetensors } from '../../weights/safetensors.ts';
import { applyModel } from '../model.ts';
import { type OnnxModel, openOnnxModel } from './open.ts';

/** Files of PyTorch's exporters, made by golden/onnx_models.py, with what PyTorch computes of the same networks. */
const folder = new URL('../../../../../golden/onnx/', import.meta.url);
const names = readdirSync(folder)
  .filter((name) => name.endsWith('.onnx'))
  .map((name) => name.replace('.onnx', ''));

function load(name: string) {
  const bytes = readFileSync(new URL(`${name}.onnx`, folder));
  return { bytes, golden: readSafetensors(readFileSync(new URL(`${name}.safetensors`, folder))).tensors };
}

/** Logits and the gradients of the cross entropy, in evaluation or with batch statistics. */
async function run({ model, tensors, numClasses }: OnnxModel, golden: Tensors, training: boolean) {
  const { scope, trace } = Scope.root({ training: false, batchNorm: training ? 'batch' : 'frozen' });
  const x = golden.input!;
  const logits = applyModel(model, scope, input('x', 'f32', x.shape), { numClasses });
  const loss = crossEntropy(logits, input('labels', 'i64', golden.labels!.shape));
  const parameters = [...trace.variables.values()].filter(({ kind }) => kind === 'parameter').map((p) => p.name);
  const gradients = grad(
    loss,
    parameters.map((name) => trace.values.get(name)!),
  );
  const outputs = { logits, ...Object.fromEntries(gradients.map((g, i) => [`grad/${parameters[i]}`, g])) };
  typecheck(Object.values(outputs));
  const program = await compile(outputs);
  const results = await program.run({ ...tensors, x, labels: golden.labels! });
  await program.release();
  return { results, trace };
}

function transposed({ shape: [rows = 0, columns = 0], data }: Tensor): Tensor {
  return f32(
    [columns, rows],
    Array.from({ length: data.length }, (_, i) => Number(data[(i % rows) * columns + Math.floor(i / rows)])),
  );
}

/** The module's name of a parameter, if the importer found it: some exporters wrap the module, or join its names. */
function findParameter(gradients: Readonly<Record<string, Tensor>>, name: string): Tensor | undefined {
  return gradients[name] ?? gradients[`model.${name}`] ?? gradients[name.replace('in_proj_', 'in_proj.')];
}

/** Parameters that the exporter multiplied into others. */
const foldedAway: Readonly<Record<string, RegExp>> = {
  residual_9_folded: /conv|bn|downsample/,
  residual_18: /conv|bn|downsample/,
  inverted_11: /^(stem|expand)/,
  inverted_21: /^(stem|expand)/,
  transformer_21_static: /^token$/, // is called like the node that expanded it
};

describe.each(names)('%s', (name) => {
  const { bytes, golden } = load(name);
  const opened = openOnnxModel(bytes);

  test.each(golden['train/logits'] ? [false, true] : [false])(
    'logits and gradients are PyTorch’s, in a batch of three (batch statistics: %s)',
    async (training) => {
      const expected = training ? withPrefix(golden, 'train/') : golden;
      const { results, trace } = await run(opened, golden, training);
      expect(relativeError(results.logits!, expected.logits!)).toBeLessThan(tolerance.model);
      const gradients = withPrefix(results, 'grad/');
      let compared = 0;
      for (const [parameter, reference] of Object.entries(withPrefix(expected, 'grad/'))) {
        if (foldedAway[name]?.test(parameter)) continue;
        const found = findParameter(gradients, parameter);
        expect(found, `${parameter} of ${Object.keys(gradients)}`).toBeDefined();
        // A product takes its matrix the other way round than a linear layer does; a square one does not show it.
        const readings = [found!, ...(found!.shape.length === 2 ? [transposed(found!)] : [])]
          .filter(({ shape }) => shape.length !== 2 || String(shape) === String(reference.shape))
          .map(({ data }) => f32(reference.shape, data as Float32Array)); // (c) and (c, 1, 1) are one
        const errors = readings.map((reading) => relativeError(reading, reference, 1e-2));
        expect(Math.min(...errors), parameter).toBeLessThan(tolerance.model);
        compared++;
      }
      expect(compared).toBeGreaterThanOrEqual(foldedAway[name] ? 2 : 8);
      expect(Object.keys(opened.tensors).sort()).toEqual([...trace.variables.keys()].sort());
    },
  );

  test('another number of classes changes the head alone', () => {
    const shapes = (numClasses: number) => {
      const { scope, trace } = Scope.root({ training: true });
      const y = applyModel(opened.model, scope, input('x', 'f32', [4, 3, ...golden.input!.shape.slice(2)]), {
        numClasses,
      });
      return {
        y,
        variables: [...trace.variables.values()].map(({ name: key, shape }) => [key, shape] as const),
        trace,
      };
    };
    const own = shapes(5);
    const seven = shapes(7);
    const none = shapes(0);
    expect([own.y.shape, seven.y.shape, none.y.shape.length]).toEqual([[4, 5], [4, 7], 2]);
    const changed = seven.variables.filter(([, shape], i) => String(shape) !== String(own.variables[i]![1]));
    const path = opened.model.headPath;
    expect(changed.map(([key]) => key)).toEqual([`${path}.weight`, `${path}.bias`]);
    expect(none.variables.map(([key]) => key)).toEqual(
      own.variables.map(([key]) => key).filter((key) => !key.startsWith(`${path}.`)),
    );
    expect([...own.trace.blocks.values()].flat()).toEqual(own.variables.map(([key]) => key));
  });

  test('equals ORT on the file', async () => {
    const { scope } = Scope.root({ training: false });
    const x = f32(
      [1, ...golden.input!.shape.slice(1)],
      (golden.input!.data as Float32Array).slice(0, golden.input!.data.length / 3),
    );
    const logits = applyModel(opened.model, scope, input('x', 'f32', x.shape), { numClasses: 5 });
    const probabilities = opened.notes.some((note) => note.startsWith('Softmax'));
    const program = await compile({ y: probabilities ? softmax(logits) : logits });
    const { y } = await program.run({ ...opened.tensors, x });
    await program.release();
    const [expected] = Object.values(await runFile(bytes, { [name.match(/_(18|2\d)/) ? 'x' : 'input']: x }));
    // A file that was written for training uses each batch's statistics, and drops.
    if (!name.endsWith('train')) expect(relativeError(y!, expected!)).toBeLessThan(tolerance.model);
  });
});
