/*
 * Shows training on what an async generator gives, one example at a time, as from a file too large for memory: here
 * signals of two frequencies under noise, told apart by a small network, with a transform of one's own that shifts them.
 */
import { setImmediate } from 'node:timers/promises';
import { adamw, createModel, f32, fit, generatorDataset, numbersOf, randomStream } from 'graft-ml';
import { conv2d, linear } from 'graft-ml/nn';
import { reduceMax, relu } from 'graft-ml/ops';

const length = 32;
const input = { dtype: 'f32', shape: [1, 1, length] } as const;

/** Signals as they come in. An epoch is 256 of them; epoch 0 is what is validated with. */
async function* signals(epoch: number) {
  for (let i = 0; i < 256; i++) {
    await setImmediate(); // whatever is waited for
    const stream = randomStream(3, 'signal', epoch, i);
    const label = stream.integer(2);
    const [phase, frequency] = [stream.uniform(), label === 0 ? 2 : 5];
    const wave = Array.from({ length }, (_, t) => Math.sin(2 * Math.PI * (phase + (frequency * t) / length)));
    yield {
      input: f32(
        input.shape,
        wave.map((value) => value + 0.5 * stream.normal()),
      ),
      target: label,
    };
  }
}
const train = generatorDataset(signals, { size: 256, input });
const validation = generatorDataset(() => signals(0), { size: 64, input });

await using model = createModel(
  (s, x) => {
    const waves = relu(conv2d(s.at('conv'), x, { channels: 8, kernel: [1, 9], padding: [0, 4] }));
    return linear(s.at('out'), reduceMax(waves, [2, 3]), { features: 2 });
  },
  { input },
);
const events = fit(
  model,
  { train, validation },
  {
    epochs: 4,
    optimizer: adamw({ learningRate: 0.01 }),
    transform: (batch, { random }) => {
      const louder = 0.8 + 0.4 * random.uniform();
      return {
        ...batch,
        inputs: f32(
          batch.inputs.shape,
          numbersOf(batch.inputs).map((value) => louder * value),
        ),
      };
    },
  },
);
for await (const event of events) {
  if (event.kind === 'evaluation') console.log(`epoch ${event.epoch}: accuracy ${event.accuracy.toFixed(3)}`);
}
