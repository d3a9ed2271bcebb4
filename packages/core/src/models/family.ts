import { type Architecture, imageNetPreprocessing, type NamedArchitecture, type Preprocessing } from './model.ts';
import type { ArchitectureName } from './names.ts';

/** All variants of one paper. Deviations from the usual preprocessing are given by variant. */
export function family<Name extends ArchitectureName, C>(
  variants: Readonly<Record<Name, C>>,
  build: (config: C) => Architecture,
  source: string,
  preprocessing: { readonly [N in Name]?: Partial<Preprocessing> } = {},
): Record<Name, NamedArchitecture> {
  return byName(variants, (config, name) => {
    const own = preprocessing[name];
    return { name, source, preprocessing: { ...imageNetPreprocessing, ...own }, ...build(config) };
  });
}

/** A record with the same names. */
function byName<Name extends string, A, B>(record: Readonly<Record<Name, A>>, make: (value: A, name: Name) => B) {
  const entries = Object.entries<A>(record).map(([name, value]) => [name, make(value, name as Name)] as const);
  return Object.fromEntries(entries) as Record<Name, B>;
}

/** Larger images, pixels in ±1. */
export const inceptionPreprocessing: Partial<Preprocessing> = {
  resize: 342,
  crop: 299,
  mean: [0.5, 0.5, 0.5],
  std: [0.5, 0.5, 0.5],
};

/** The models with preprocessing for characters and other small images, which are not cropped. */
export function small<Name extends ArchitectureName>(models: Readonly<Record<Name, NamedArchitecture>>) {
  return byName(models, asSmall);
}

function asSmall(model: NamedArchitecture): NamedArchitecture {
  const half = [0.5, 0.5, 0.5] as const;
  return { ...model, preprocessing: { ...model.preprocessing, resize: 28, crop: 28, mean: half, std: half } };
}

export const seenWhole = (side: number): Partial<Preprocessing> => ({
  resize: side,
  crop: side,
  interpolation: 'bicubic',
});
