/*
 * Shows BOIL (Oh et al. 2020) written by hand: few-shot classification where the inner loop moves the body alone, so a
 * task is learned by new features under an unchanged head. ANIL is the reverse. A few seconds.
 */
import { isDeepStrictEqual } from 'node:util';
import { createRuntime, i64, randomStream, zeros } from 'graft-ml';
import { grad } from 'graft-ml/grad';
import { inputsLike, type Value } from 'graft-ml/graph';
import * as nn from 'graft-ml/nn';
import { flatten, maxPool, mul, relu, sub } from 'graft-ml/ops';
import { adam, optimizerStep, updateParameters } from 'graft-ml/optim';
import { State } from 'graft-ml/runtime';

const [way, count, side, innerRate] = [4, 12, 8, 0.5];
const labels = Array.from({ length: count }, (_, n) => n % way);

function block(s: nn.Scope, x: Value): Value {
  const y = nn.conv2d(s.at('conv'), x, { channels: 16, kernel: 3, padding: 1 });
  return maxPool(relu(nn.batchNorm(s.at('bn'), y)), { kernel: [2, 2] });
}
const network = (s: nn.Scope, images: Value) =>
  nn.linear(s.at('head'), flatten(block(s.at('layer2'), block(s.at('layer1'), images))), { features: way });

/** Every task has classes of its own: random patterns, to be told apart in noise, three images of each to learn. */
function sampleTask(step: number) {
  const images = (part: string) => {
    const batch = zeros('f32', [count, 1, side, side]);
    for (const [n, label] of labels.entries()) {
      const [pattern, noise] = [randomStream(0, 'class', step, label), randomStream(0, part, step, n)];
      for (let i = 0; i < side ** 2; i++) batch.data[n * side ** 2 + i] = pattern.normal() + noise.normal();
    }
    return batch;
  };
  return { support: images('support'), query: images('query'), labels: i64([count], labels) };
}
const task = inputsLike(sampleTask(0));
const weights = nn.initialParameters(network, task.support);
const start = inputsLike(weights);
const lossOf = (parameters: nn.Parameters, images: Value) =>
  nn.crossEntropy(nn.functionalCall(network, parameters, images, { batchNorm: 'batch' }), task.labels);

const body = Object.fromEntries(Object.entries(start).filter(([name]) => !name.startsWith('head.')));
const adapted = updateParameters(start, grad(lossOf(start, task.support), body), (p, g) => sub(p, mul(g, innerRate)));
const [before, after] = [lossOf(start, task.query), lossOf(adapted, task.query)];
const outer = optimizerStep(adam(), start, grad(after, start));

await using training = await createRuntime().compile(outer.outputs);
await using adaptation = await createRuntime().compile({ ...adapted, before, after });
const state = new State({ ...weights, ...outer.slots });
for (let step = 0; step <= 400; step++) {
  if (step % 100 === 0) {
    const results = await adaptation.run({ ...state.current, ...sampleTask(-1) });
    console.log(`${step} steps: query loss ${results.before!.data[0]}, adapted ${results.after!.data[0]}`);
    const moved = Object.keys(weights).filter((name) => !isDeepStrictEqual(results[name], state.current[name]));
    if (step === 400) console.log(`moved by the inner loop: ${moved.join(', ')}`);
  }
  await state.step(training, { ...sampleTask(step), ...outer.feeds({ learningRate: 0.003, step }) });
}
