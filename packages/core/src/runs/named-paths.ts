import { publishedAs } from '../weights/registry/lookup.ts';

/**
 * A run notes where its dataset and its weights are, so that it can be resumed without naming them again. A run that
 * was sent could note any place of its receiver's machine. So the places are signed by the user who named them, and
 * those of another user's run are only used when they are named anew.
 */
export interface PathRecord {
  readonly folder: string;
  readonly config: { readonly model: string | null; readonly weights: string | null };
  readonly signature: string | null;
}

/** The paths given for a run that is resumed. */
export interface NamedPaths {
  /** The path of its dataset. */
  readonly data?: string | undefined;
  /** The path of the weights that it began with. */
  readonly weights?: string | undefined;
}

/** Whether these weights of a model are a file or a folder, and no published ones. */
export function isWeightsFile(weights: string | null, model: string | null): weights is string {
  return weights !== null && weights !== 'none' && !publishedAs(weights, model ?? undefined);
}
