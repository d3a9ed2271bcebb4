import { getModel, type Model, withHead } from '../../models/index.ts';
import type { ResolvedConfig } from '../config.ts';

/** The model with a deeper head, where there is one. */
export function withLayers<M extends Model>(model: M, layers: string | null | undefined): M {
  return layers ? withHead(model, layers) : model;
}

/** The model that a configuration trains. */
export function modelOf({ model, head }: Pick<ResolvedConfig, 'model' | 'head'>): Model {
  return withLayers(getModel(model), head);
}
