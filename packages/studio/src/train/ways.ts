import type { StrategyName, TrainConfigInput } from '@graft-ml/core/internal/recipe/index';
import type { ImageClass } from '../collection/collection.ts';

/** What training starts from. */
export interface Backbone {
  readonly model: string;
  /** The option `weights`; null for random ones. */
  readonly weights: string | null;
}

/** The backbone that comes with Graft: a small network that has seen 964 characters of 30 alphabets. */
export const shippedBackbone = { model: 'conv4', weights: 'weights/conv4-omniglot.safetensors' } as const;

/** A way from images to a classifier. */
export interface Way {
  readonly id: 'adapt' | 'nearest-centroid' | StrategyName;
  readonly name: string;
  readonly about: string;
  readonly cost: string;
}

/** The ways in the order of their costs. */
const ways: readonly Way[] = [
  {
    id: 'adapt',
    name: 'Adapt a meta-learned start',
    about:
      'A network that has learned to learn characters takes a few steps on yours. For drawings, from one to twenty of each class.',
    cost: 'Seconds.',
  },
  {
    id: 'nearest-centroid',
    name: 'Class means of frozen features',
    about:
      'Each class is the mean of its images, as the pretrained backbone sees them, and a new image gets the nearest. For one to ten photos of each class.',
    cost: 'No training: one look at each image.',
  },
  {
    id: 'feature-extraction',
    name: 'A new head on frozen features',
    about: 'The pretrained backbone stays as it is and looks at each image once; only the last layer is trained.',
    cost: 'Seconds, after one look at each image.',
  },
  {
    id: 'partial',
    name: 'Train deeper: the last third',
    about: 'The early layers stay frozen, the last third of the blocks learns your images.',
    cost: 'Several times a new head.',
  },
  {
    id: 'full',
    name: 'Train deeper: everything',
    about: 'Every layer learns, the backbone more slowly than the head. Best with fifty or more images of each class.',
    cost: 'The most: every layer, forward and backward, in every epoch.',
  },
  {
    id: 'scratch',
    name: 'From scratch',
    about: 'Random weights and nothing else: what your images alone can teach. A baseline to compare with.',
    cost: 'As much as training everything.',
  },
];

/** The ways that a backbone allows: without weights there is nothing to transfer. */
export function waysFor({ weights }: Backbone): readonly Way[] {
  if (weights === null) return ways.filter(({ id }) => id === 'scratch');
  const other = weights === shippedBackbone.weights ? 'nearest-centroid' : 'adapt';
  return ways.filter(({ id }) => id !== other);
}

/** The way to try first, by how many images the smallest class has. */
export function suggestedWay(classes: readonly ImageClass[], backbone: Backbone): Way['id'] {
  const fewest = Math.min(...classes.map(({ images }) => images.length));
  if (backbone.weights === null) return 'scratch';
  if (backbone.weights === shippedBackbone.weights) return fewest <= 20 ? 'adapt' : 'full';
  return fewest < 10 ? 'nearest-centroid' : 'feature-extraction';
}

/** Whether a way trains epoch by epoch, with the options of training. */
export function isStrategy(id: Way['id']): id is StrategyName {
  return id !== 'adapt' && id !== 'nearest-centroid';
}

/** The options of a way, by their names in Graft; those that are given count. */
export function configOf(
  strategy: StrategyName,
  { model, weights }: Backbone,
  given: Partial<TrainConfigInput> = {},
): TrainConfigInput {
  const isWhole = strategy === 'full' || strategy === 'partial';
  // The small backbone takes large steps, where those of ImageNet would lose what they know.
  const rate = weights === shippedBackbone.weights && isWhole ? { learningRate: 0.02 } : {};
  return { model, ...(weights !== null && { weights }), strategy, ...rate, ...given };
}
