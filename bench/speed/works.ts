/** A unit of work that both sides do again and again: a training step, a forward pass. */
export type Work = NetworkWork | MetaWork;

export interface NetworkWork {
  /**
   * `full`, `last-third`, `head`: a training step of so much of the network, forward, backward and update.
   * `frozen`: the forward pass of a network that does not change.
   */
  readonly kind: 'full' | 'last-third' | 'head' | 'frozen';
  readonly model: string;
  readonly batch: number;
  /** The side of an image in pixels. */
  readonly side: number;
}

export interface MetaWork {
  /** An outer step of meta-training. */
  readonly kind: 'maml' | 'fomaml' | 'protonet';
  readonly side: number;
  readonly filters: number;
  readonly way: number;
  readonly shots: number;
  readonly queries: number;
  /** Of the inner loop; prototypical networks have none. */
  readonly innerSteps: number;
  readonly tasks: number;
}

export const isMeta = (work: Work): work is MetaWork => 'tasks' in work;

/** The name of a row of the results. */
export function nameOf(work: Work): string {
  return isMeta(work) ? `${work.kind} · conv-4 · ${work.side} px` : `${work.kind} · ${work.model} · ${work.batch}`;
}

/** One of each family, small ones where there are several. */
export const models = [
  'resnet18',
  'resnet50',
  'densenet121',
  'mobilenet_v3_small',
  'efficientnet_b0',
  'convnext_tiny',
  'vit_b_16',
  'vgg16',
  'regnet_y_400mf',
  'swin_t',
] as const;

export const batches = [1, 4, 16, 32] as const;

const networkKinds = ['full', 'frozen', 'last-third', 'head'] as const;

/**
 * The settings of mini-ImageNet (Finn et al. 2017: 32 filters, 5 inner steps, 4 tasks; Snell et al. 2017: 64 filters) at
 * 84 px, and at Omniglot's 28.
 */
const metaWorks: readonly MetaWork[] = ([28, 84] as const).flatMap((side): MetaWork[] => {
  const gradient = { side, filters: 32, way: 5, shots: 5, queries: 15, innerSteps: 5, tasks: 4 };
  return [
    { kind: 'maml', ...gradient },
    { kind: 'fomaml', ...gradient },
    { kind: 'protonet', ...gradient, filters: 64, innerSteps: 0, tasks: 1 },
  ];
});

/** Every work, the most important first. */
export function allWorks(): Work[] {
  const ofNetworks = networkKinds.flatMap((kind) =>
    [4, 16, 1, 32].flatMap((batch) => models.map((model): NetworkWork => ({ kind, model, batch, side: 224 }))),
  );
  return [...ofNetworks, ...metaWorks];
}
