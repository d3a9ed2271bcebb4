export { averageTensors, type Ingredient } from './average.ts';
export { type ExpectedTensor, type MatchOptions, matchWeights } from './match.ts';
export type { WeightsEntry } from './registry/entry.ts';
export { listModels } from './registry/list.ts';
export { entriesOf, entryNamed, pretrainedConfig, publishedAs, weightsEntries } from './registry/lookup.ts';
export { readSafetensors, type Safetensors, writeSafetensors } from './safetensors.ts';
export { mapNames } from './timm-names.ts';
