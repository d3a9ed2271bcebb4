import { grad } from '@graft-ml/core/grad';
import { input, type Value } from '@graft-ml/core/graph';
import { randomStream } from '@graft-ml/core/internal/base/random';
import { f32, i64, type Shape, sizeOf, type Tensor, type Tensors } from '@graft-ml/core/internal/base/tensor';
import { applyModel, conv4 } from '@graft-ml/core/models';
import { crossEntropy, initialise, Scope } from '@graft-ml/core/nn';
import { mul, sub } from '@graft-ml/core/ops';
import { type Choices, type Runtime, State, scalar } from '@graft-ml/core/runtime';
import { defaultChoices } from './default-choices.ts';

export interface Conv4Run {
  /** Of each step, in order. */
  readonly losses: readonly number[];
  /** After the last step, by the name of the parameter or buffer. */
  readonly variables: Tensors;
}

const [batchSize, side, numClasses] = [8, 28, 5];

/**
 * A few steps of gradient descent on conv4 with drawn images, in the default lowerings. It runs in a browser as well.
 */
export async function trainConv4(
  runtimeOf: (choices: Choices) => Pick<Runtime, 'compile'>,
  { steps = 4, learningRate = 0.05 } = {},
): Promise<Conv4Run> {
  const images = { dtype: 'f32', shape: [batchSize, 3, side, side] } as const;
  const { scope, trace } = Scope.root({ training: true });
  const logits = applyModel(conv4({ filters: 32 }), scope, input('images', images.dtype, images.shape), { numClasses });
  const loss = crossEntropy(logits, input('labels', 'i64', [batchSize]));
  const parameters = [...trace.variables.values()].filter(({ kind }) => kind === 'parameter');
  const values = parameters.map(({ name }) => trace.values.get(name)!);
  const rate = input('rate', 'f32', []);
  const outputs: Record<string, Value> = { loss, ...Object.fromEntries(trace.updates) };
  grad(loss, values).forEach((gradient, i) => {
    outputs[parameters[i]!.name] = sub(values[i]!, mul(rate, gradient));
  });

  const runtime = await runtimeOf(defaultChoices(outputs));
  const program = await runtime.compile(outputs);
  const state = new State(initialise(trace.variables.values(), 0));
  const losses: number[] = [];
  for (let step = 0; step < steps; step++) {
    const feeds = {
      images: drawn(images.shape, step),
      labels: i64(
        [batchSize],
        Array.from({ length: batchSize }, (_, i) => (i + step) % numClasses),
      ),
    };
    const results = await state.step(program, { ...feeds, rate: scalar(learningRate) });
    losses.push(Number(results.loss!.data[0]));
  }
  await program.release();
  return { losses, variables: state.current };
}

/** Standard normal numbers, the same for the same step. */
function drawn(shape: Shape, step: number): Tensor {
  const stream = randomStream(0, 'conv4', step);
  return f32(
    shape,
    Array.from({ length: sizeOf(shape) }, () => stream.normal()),
  );
}
