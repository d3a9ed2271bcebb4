/*
 * Shows MAML (Finn et al. 2017) written by hand, on the paper's sine waves: the inner loop is a graph, the
 * meta-gradient goes through it (grad of grad), and one of Graft's optimizers takes the outer step. A few seconds.
 */
import { createRuntime, randomStream, zeros } from 'graft-ml';
import { grad } from 'graft-ml/grad';
import { inputsLike, type Value } from 'graft-ml/graph';
import { functionalCall, initialParameters, linear, meanSquaredError, type Parameters, type Scope } from 'graft-ml/nn';
import { add, mul, relu, sliceAxis, sub } from 'graft-ml/ops';
import { adam, optimizerStep, updateParameters } from 'graft-ml/optim';
import { State } from 'graft-ml/runtime';

const [tasks, points, innerRate] = [4, 10, 0.02];

function network(s: Scope, x: Value): Value {
  const hidden = relu(linear(s.at('layer1'), x, { features: 40 }));
  return linear(s.at('head'), relu(linear(s.at('layer2'), hidden, { features: 40 })), { features: 1 });
}

/** Sine waves: ten points of each to adapt to (support), then ten to be judged by (query), one below the other. */
function sampleTasks(step: number) {
  const [x, y] = [zeros('f32', [tasks * 2 * points, 1]), zeros('f32', [tasks * 2 * points, 1])];
  for (let task = 0; task < tasks; task++) {
    const stream = randomStream(0, 'wave', step, task);
    const [amplitude, phase] = [0.1 + 4.9 * stream.uniform(), Math.PI * stream.uniform()];
    for (let i = task * 2 * points; i < (task + 1) * 2 * points; i++) {
      x.data[i] = 10 * stream.uniform() - 5;
      y.data[i] = amplitude * Math.sin(x.data[i]! - phase);
    }
  }
  return { x, y };
}
const weights = initialParameters(network, { dtype: 'f32', shape: [points, 1] });
const [start, batch] = [inputsLike(weights), inputsLike(sampleTasks(0))];

function lossOf(parameters: Parameters, part: number): Value {
  const rows = (values: Value) => sliceAxis(values, 0, part * points, (part + 1) * points);
  return meanSquaredError(functionalCall(network, parameters, rows(batch.x)), rows(batch.y));
}
function adapt(parameters: Parameters, support: number): Parameters {
  const gradients = grad(lossOf(parameters, support), parameters);
  return updateParameters(parameters, gradients, (p, g) => sub(p, mul(g, innerRate)));
}
const taskIndices = Array.from({ length: tasks }, (_, task) => task);
const mean = (losses: Value[]) => mul(losses.reduce(add), 1 / tasks);
const before = mean(taskIndices.map((task) => lossOf(start, 2 * task + 1)));
const after = mean(taskIndices.map((task) => lossOf(adapt(adapt(start, 2 * task), 2 * task), 2 * task + 1)));
const outer = optimizerStep(adam(), start, grad(after, start));

await using training = await createRuntime().compile(outer.outputs);
await using evaluation = await createRuntime().compile({ before, after });
const state = new State({ ...weights, ...outer.slots });
for (let step = 0; step <= 1000; step++) {
  if (step % 250 === 0) {
    const losses = await evaluation.run({ ...state.current, ...sampleTasks(-1) });
    console.log(`${step} steps: query loss ${losses.before!.data[0]}, adapted ${losses.after!.data[0]}`);
  }
  await state.step(training, { ...sampleTasks(step), ...outer.feeds({ learningRate: 0.002, step }) });
}
