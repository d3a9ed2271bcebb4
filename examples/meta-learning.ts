/*
 * Shows meta-learning of a network of one's own on episodes of one's own, in the loop of `fit`: MAML adapts all of the
 * network to three colours that it has seen twice, BOIL its body alone. A few seconds.
 */
import { createModel, randomStream, zeros } from 'graft-ml';
import { type EpisodeSource, metaFit } from 'graft-ml/meta';
import { linear } from 'graft-ml/nn';
import { cast, flatten, mul, tanh } from 'graft-ml/ops';
import { adam } from 'graft-ml/optim';

const side = 4;
/** Classes are colours. An episode draws some of them, and noisy images of each: to learn from, and to be told apart. */
function colours(part: string): EpisodeSource {
  const classes = Array.from({ length: 20 }, (_, i) => `${part} ${i}`);
  return {
    classes,
    draw({ way, shots, queries }, address) {
      const stream = randomStream(0, part, ...address);
      const chosen = stream.shuffle(classes).slice(0, way);
      const draw = (count: number) => {
        const [images, labels] = [zeros('u8', [way * count, 3, side, side]), zeros('i64', [way * count])];
        for (let at = 0; at < images.data.length; at++) {
          const [channel, image] = [Math.floor(at / side ** 2) % 3, Math.floor(at / (3 * side ** 2))];
          labels.data[image] = BigInt(Math.floor(image / count));
          const colour = randomStream(1, chosen[Math.floor(image / count)]!, channel).uniform();
          images.data[at] = 200 * colour + 50 * stream.uniform();
        }
        return { images, labels };
      };
      const [support, query] = [draw(shots), draw(queries)];
      return {
        ...{ support: support.images, supportLabels: support.labels },
        ...{ query: query.images, queryLabels: query.labels, classes: chosen },
      };
    },
  };
}

for (const learner of ['maml', 'boil'] as const) {
  await using model = createModel(
    (s, x) => {
      const hidden = tanh(linear(s.at('body'), flatten(mul(cast(x, 'f32'), 1 / 128)), { features: 16 }));
      return linear(s.at('head'), hidden, { features: 3 });
    },
    { input: { dtype: 'u8', shape: [3, side, side] } },
  );
  const data = { train: colours('learn'), validation: colours('validate') };
  const options = {
    learner,
    way: 3,
    shots: 2,
    innerRate: 0.3,
    stepsPerEpoch: 20,
    optimizer: adam({ learningRate: 0.005 }),
  };
  for await (const event of metaFit(model, data, { ...options, epochs: 3 })) {
    if (event.kind === 'end') console.log(`${learner}: accuracy ${event.best.accuracy.toFixed(3)}`);
  }
}
