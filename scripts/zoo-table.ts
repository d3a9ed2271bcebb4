/*
 * Writes docs/zoo.md: every model of the zoo with its parameters beside torchvision's, and what `bench/zoo.ts`
 * measured.
 *   npm run build && node dist/scripts/zoo-table.js
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { sizeOf } from '@graft-ml/core/internal/base/tensor';
import { imageNetwork } from '@graft-ml/core/internal/fit/network';
import { variablesOf } from '@graft-ml/core/internal/fit/step';
import { getModel, listArchitectures, type NamedArchitecture } from '@graft-ml/core/models';
import type { ZooResult } from '../bench/zoo.ts';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url));
const torchvision: Record<string, { parameters: number }> = JSON.parse(
  gunzipSync(read('golden/model-names.json.gz')).toString(),
);
const { machine, results } = JSON.parse(read('bench/results/zoo.json').toString()) as {
  machine: string;
  results: Record<string, ZooResult>;
};

function parametersOf(model: NamedArchitecture): number {
  const variables = [...variablesOf(imageNetwork(model, model.preprocessing, 1000)).values()];
  return variables.filter(({ kind }) => kind === 'parameter').reduce((sum, { shape }) => sum + sizeOf(shape), 0);
}

const ratio = (value: number | undefined) => (value === undefined ? '' : `**${value.toFixed(2)}**`);
const milliseconds = (value: number | undefined) => (value === undefined ? '' : value.toFixed(0));

function row(name: string): string {
  const parameters = parametersOf(getModel(name));
  const reference = torchvision[name]?.parameters;
  const equal = reference === undefined ? '–' : reference === parameters ? 'equal' : `${reference}!`;
  const result = results[name];
  const measured = result
    ? [
        `${result.batchSize} × ${result.size} px`,
        `${result.error.toExponential(1)} / ${result.peerError.toExponential(1)}`,
        ...[result.forward, result.step].flatMap((t) => [
          `${milliseconds(t.ours)} / ${milliseconds(t.peer)}`,
          ratio(t.ratio),
        ]),
        result.losses.map((loss) => loss.toFixed(3)).join(' → '),
      ]
    : ['', '', '', '', '', '', ''];
  return `| ${[`\`${name}\``, parameters.toLocaleString('en'), equal, ...measured].join(' | ')} |`;
}

const versions = Object.values(results)[0]?.versions ?? {};
const text = `# The zoo

Made by \`node dist/scripts/zoo-table.js\` from the models themselves, torchvision's parameter counts
(\`golden/model-names.json.gz\`) and \`bench/results/zoo.json\`, which \`node dist/bench/zoo.js --python PATH\` writes.

- **torchvision's**: whether its parameter count is the same (–: few-shot backbones, variants for other publishers' weights, and
  ViTs for larger images, which torchvision has as arguments).
- **error**: the full-size model with random weights that torchvision drew, on random images in evaluation mode: the largest
  difference of a logit from PyTorch's in double precision, over the largest logit; Graft / PyTorch in single precision (deep
  networks of random weights multiply rounding errors). (Gradients, statistics and optimizer steps of narrow variants are compared in
  the tests.)
- **forward**, **step**: milliseconds of Graft / PyTorch ${String(versions.pytorch ?? '')}, and the ratio, median over pairs of runs that
  take turns; below 1 Graft is faster. A frozen forward pass with constant weights, and a training step of everything with SGD
  and momentum. Few repetitions, on ${machine}, which others use too: a ratio is good to a tenth or two.
- **loss** of the batch in the first and the last of those steps (learning rate 0.001; dropout makes it noisy).

A row without measurements has not been measured yet; the benchmark goes on with what is missing.

| model | parameters | torchvision's | work | error | forward, ms | ratio | step, ms | ratio | loss |
|---|---|---|---|---|---|---|---|---|---|
${listArchitectures().map(row).join('\n')}
`;
writeFileSync(new URL('../../docs/zoo.md', import.meta.url), text);
console.log(`docs/zoo.md: ${listArchitectures().length} models, ${Object.keys(results).length} measured`);
