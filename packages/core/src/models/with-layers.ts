import { withDropout, withHead } from './head.ts';
import type { HeadLayers, NamedArchitecture } from './model.ts';

/** The model with a deeper head, or with dropout of its own, where that is asked for. */
export function withLayers<M extends NamedArchitecture>(
  model: M,
  layers: HeadLayers | null | undefined,
  dropout?: number | null,
): M {
  const deeper = layers ? withHead(model, layers) : model;
  return dropout === null || dropout === undefined ? deeper : withDropout(deeper, dropout);
}
