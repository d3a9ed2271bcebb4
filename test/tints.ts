import { randomStream } from '@graft-ml/core/internal/base/random';
import { i64, zeros } from '@graft-ml/core/internal/base/tensor';
import type { Network } from '@graft-ml/core/internal/fit/step';
import type { Episode, EpisodeSource } from '@graft-ml/core/meta';
import { linear } from '@graft-ml/core/nn';
import { cast, flatten, mul, tanh } from '@graft-ml/core/ops';

/* A small task of meta-learning: classes of colours, and a network that learns them in seconds. */

const side = 4;
/** A network without a batch norm, for images of 4x4. */
export const network: Network = {
  input: { dtype: 'u8', shape: [3, side, side] },
  forward: (s, x) => {
    const hidden = tanh(linear(s.at('body'), flatten(mul(cast(x, 'f32'), 1 / 128)), { features: 12 }));
    return linear(s.at('fc'), hidden, { features: 3 });
  },
};

/** Classes are tints: which channel is bright differs from class to class, and in which third of the scale. */
export function tints(part: string): EpisodeSource {
  const classes = Array.from({ length: 12 }, (_, i) => `${part}${i}`);
  return {
    classes,
    draw({ way, shots, queries }, address) {
      const stream = randomStream(0, part, ...address);
      const chosen = stream.shuffle(classes.map((_, i) => i)).slice(0, way);
      const images = (count: number) => {
        const batch = zeros('u8', [way * count, 3, side, side]);
        for (let at = 0; at < batch.data.length; at++) {
          const image = Math.floor(at / (3 * side * side));
          const channel = Math.floor(at / (side * side)) % 3;
          const tint = randomStream(1, part, chosen[Math.floor(image / count)]!, channel).uniform();
          batch.data[at] = 200 * tint + 50 * stream.uniform();
        }
        return batch;
      };
      const labels = (count: number) =>
        i64(
          [way * count],
          Array.from({ length: way * count }, (_, i) => Math.floor(i / count)),
        );
      const episode: Episode = {
        support: images(shots),
        supportLabels: labels(shots),
        query: images(queries),
        queryLabels: labels(queries),
        classes: chosen.map((i) => classes[i]!),
      };
      return episode;
    },
  };
}
