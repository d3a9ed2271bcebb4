/*
 * Every architecture of the zoo that timm has, with random weights, opened by the real timm and by the real torchvision
 * from what Graft exports, beside its own ONNX model:
 *   npm run build && node dist/bench/twins.js [pattern…] --python PATH
 * PATH is a Python with torch, torchvision, timm and onnxruntime. Results go to bench/results/twins.json.
 */

import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { randomStream } from '@graft-ml/core/internal/base/random';
import type { Tensor, Tensors } from '@graft-ml/core/internal/base/tensor';
import { type ExportSource, networkModel, writeOnnx } from '@graft-ml/core/internal/export/index';
import { pytorchFiles, pytorchUsage } from '@graft-ml/core/internal/export/pytorch';
import { timmFiles } from '@graft-ml/core/internal/export/timm';
import { timmTwin } from '@graft-ml/core/internal/export/timm-twins';
import { imageNetwork } from '@graft-ml/core/internal/fit/network';
import { variablesOf } from '@graft-ml/core/internal/fit/step';
import { initialise } from '@graft-ml/core/internal/nn/index';
import { getModel, listArchitectures } from '@graft-ml/core/models';
import picomatch from 'picomatch';
import { startScript } from './peer.ts';

/** How far a reader's logits are from those of the ONNX model, over the largest logit. */
interface TwinResult {
  readonly model: string;
  readonly timm: string;
  readonly timmError: number;
  readonly torchvisionError: number;
}

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { python: { type: 'string', default: 'python3' } },
});
const classes = Array.from({ length: 7 }, (_, i) => `class ${i}`);
const resultsFile = 'bench/results/twins.json';

/** A network with random numbers of which none hides a mistake: no head of zeros, no statistics of an unused norm. */
function randomSource(name: string): ExportSource {
  const model = getModel(name);
  const { preprocessing } = model;
  const variables = [...variablesOf(imageNetwork(model, preprocessing, classes.length)).values()];
  const initial = initialise(variables, 0);
  const tensors: Tensors = Object.fromEntries(
    variables.map((each) => [each.name, disturbed(each.name, initial[each.name]!)]),
  );
  return { model, variables: tensors, classes, preprocessing, temperature: 1.7 };
}

function disturbed(name: string, value: Tensor): Tensor {
  if (value.dtype !== 'f32') return value;
  const stream = randomStream(0, name);
  const noise = name.endsWith('running_var') ? () => stream.uniform() * 0.5 : () => (stream.uniform() - 0.5) * 0.02;
  return { ...value, data: value.data.map((number) => number + noise()) };
}

function write(folder: string, files: ReadonlyMap<string, Uint8Array>): void {
  for (const [path, bytes] of files) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), bytes);
  }
}

const matches = positionals.length === 0 ? () => true : picomatch(positionals);
const names = listArchitectures().filter((name) => timmTwin(name) !== undefined && matches(name));
const peer = startScript(options.python, 'twins.py');
const { versions } = (await peer.ask()) as { versions: Record<string, string> };
const earlier: { models: TwinResult[] } = existsSync(resultsFile)
  ? JSON.parse(readFileSync(resultsFile, 'utf8'))
  : { models: [] };
const results = new Map(earlier.models.map((result) => [result.model, result]));
for (const name of names) {
  const folder = mkdtempSync(join(tmpdir(), 'graft-twins-'));
  const source = randomSource(name);
  write(join(folder, 'timm'), timmFiles(source));
  write(join(folder, 'torchvision'), pytorchFiles(source));
  writeFileSync(join(folder, 'model.onnx'), writeOnnx(networkModel(source, 'pixelValues', 1)));
  const usage = pytorchUsage(source, join(folder, 'torchvision', 'model.safetensors'));
  const answer = await peer.ask(`${JSON.stringify({ folder, usage })}\n`);
  const { timmError, torchvisionError } = answer as Pick<TwinResult, 'timmError' | 'torchvisionError'>;
  const result = { model: name, timm: timmTwin(name)!.architecture, timmError, torchvisionError };
  results.set(name, result);
  console.log(result);
  rmSync(folder, { recursive: true });
  const models = listArchitectures().flatMap((each) => results.get(each) ?? []);
  writeFileSync(resultsFile, `${JSON.stringify({ versions, models }, null, 2)}\n`);
}
peer.close();
