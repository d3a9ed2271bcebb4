import { createRuntime } from 'graft-ml/internal/runtime/index';
import { expect, test } from 'vitest';
import { OptionError } from '../base/errors.ts';
import { f32, i64 } from '../base/tensor.ts';
import { bceWithLogitsLoss, crossEntropyLoss, huberLoss, linear, type Scope } from '../nn/index.ts';
import { cosine, sgd } from '../optim/index.ts';
import { isImageSet, tensorDataset } from './examples.ts';
import { createTrainer } from './explicit-trainer.ts';
import { fitTask } from './fit-task.ts';
import { accuracy, metricsIn, topK } from './metrics.ts';
import { createModel } from './model.ts';

/* Calls that TypeScript would not let pass, and JavaScript does. */

const x = f32([4, 2], [0, 1, 2, 3, 4, 5, 6, 7]);
const network = (s: Scope, value: Parameters<typeof linear>[1]) => linear(s.at('fc'), value, { features: 2 });
const runtime = createRuntime({ cache: null, threads: 1 });
const type = { dtype: 'f32', shape: [2] };
// biome-ignore lint/suspicious/noExplicitAny: what JavaScript sees
const [dataset, images, model, metrics, top, focal, huber, bce]: ((...given: any[]) => unknown)[] = [
  tensorDataset,
  isImageSet,
  createModel,
  metricsIn,
  topK,
  crossEntropyLoss,
  huberLoss,
  bceWithLogitsLoss,
];

test.each([
  [() => dataset!({ inputs: x, targets: [0, 1] }), 'inputs: expected a tensor (n, …), as f32(shape, numbers) makes it'],
  [() => dataset!([[0, 1]], [0]), 'inputs: expected a tensor (n, …)'],
  [() => dataset!(x), 'targets: expected labels from 0 on, or a tensor'],
  [() => dataset!(x, [0, 1, 0.5, 1]), 'for numbers to be predicted, received 0.5.'],
  [() => dataset!(x, ['cat', 'dog', 'cat', 'dog']), 'received "cat".'],
  [() => dataset!(x, { 0: 1 }), 'targets: expected labels from 0 on'],
  [() => model!(network), 'input: expected the type of one input, without the batch axis'],
  [() => model!(network, { input: [2], runtime }), 'received [2].'],
  [
    () => model!(network, { input: { dtype: 'float32', shape: [2] }, runtime }),
    'received {"dtype":"float32","shape":[2]}.',
  ],
  [() => model!('resnet18', { input: type, runtime }), 'network: expected a function of a scope and a value'],
  [
    () => images!(undefined),
    'examples: expected a dataset, as tensorDataset makes it (fit takes two: { train, validation })',
  ],
  [() => images!(x), 'examples: expected a dataset, as tensorDataset makes it'],
  [() => metrics!({ metrics: accuracy() }), 'metrics: expected a list of metrics: [accuracy(), topK(5)].'],
  [() => metrics!({ metrics: [accuracy] }), 'metrics: expected a list of metrics'],
  [() => metrics!({ metrics: ['accuracy'] }), 'metrics: expected a list of metrics'],
  [() => top!(), 'k: expected a whole number from 1 on, received undefined.'],
  [() => focal!('focal'), 'options of crossEntropyLoss: expected an object, received "focal".'],
  [() => focal!({ labelSmoothing: '0.1' }), 'labelSmoothing: expected a number, received "0.1".'],
  [() => focal!({ labelSmoothing: 2 }), 'labelSmoothing: expected a share from 0 to 1, received 2.'],
  [() => focal!({ focalGamma: -1 }), 'focalGamma: expected at least 0, received -1.'],
  [() => focal!({ classWeights: { cat: 2 } }), 'classWeights: expected a list of numbers, received {"cat":2}.'],
  [() => focal!({ labelSmooting: 0.1 }), 'crossEntropyLoss has no such option. Did you mean "labelSmoothing"?'],
  [() => huber!(1), 'options of huberLoss: expected an object, received 1.'],
  [() => huber!({ delta: 0 }), 'delta: expected a number above 0, received 0.'],
  [() => bce!({ positiveWeights: 2 }), 'positiveWeights: expected a list of numbers, received 2.'],
])('%s says what is wrong', (call, message) => {
  expect(call).toThrow(OptionError);
  expect(call).toThrow(message);
});

test('a model says what it predicts for, and what it is evaluated on', async () => {
  const made = createModel(network, { input: { dtype: 'f32', shape: [2] }, runtime });
  const predict: (inputs: never) => Promise<unknown> = (inputs) => made.predict(inputs);
  await expect(predict([[0, 1]] as never)).rejects.toThrow(
    'inputs: expected a tensor (n, …), as f32(shape, numbers) makes it.',
  );
  await expect(made.evaluate(x as never)).rejects.toThrow('expected a dataset, as tensorDataset makes it');
});

test('labels may lie in a typed array', () => {
  expect(dataset!(x, Int32Array.of(0, 1, 1, 0))).toMatchObject({ size: 4, labels: [0, 1, 1, 0] });
  expect(tensorDataset(x, i64([4], [0, 1, 1, 0]))).toMatchObject({ size: 4, labels: [0, 1, 1, 0] });
});

const own = createModel(network, { input: { dtype: 'f32', shape: [2] }, runtime });
const train = tensorDataset(x, [0, 1, 0, 1]);
// biome-ignore lint/suspicious/noExplicitAny: what JavaScript sees
const [task, trainer, freeze]: ((...given: any[]) => unknown)[] = [
  fitTask,
  createTrainer,
  (pattern: string) => own.freeze(pattern),
];

test.each([
  [() => task!(own), 'data: expected datasets: { train, validation }, received undefined.'],
  [() => task!(own, { train }, { optimizer: sgd }), 'optimizer: expected an optimizer: adamw(), with its brackets'],
  [() => task!(own, { train }, { optimizer: 'adam' }), 'optimizer: expected an optimizer'],
  [() => task!(own, { train }, { schedule: cosine }), 'schedule: expected a schedule: cosine(), with its brackets'],
  [() => task!(own, { train }, { schedule: 'cosine' }), 'schedule: expected a schedule'],
  [() => task!(own, { train }, { loss: 'ce' }), 'loss: expected a loss: crossEntropyLoss(), or a function'],
  [() => trainer!(own, { optimizer: sgd }), 'optimizer: expected an optimizer'],
  [() => freeze!(1), 'freeze: expected a name or pattern of parameters'],
])('%s of fit says what is wrong', (call, message) => {
  expect(call).toThrow(OptionError);
  expect(call).toThrow(message);
});
