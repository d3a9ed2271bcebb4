import { nearestNames } from '../../base/choice.ts';
import { UserError } from '../../base/errors.ts';
import { printableName } from '../../base/printable.ts';
import type { WeightsEntry } from './entry.ts';
import { timmWeights } from './timm.ts';
import { torchvisionWeights } from './torchvision.ts';

/** All weights that Graft knows of. Those of one architecture begin with the preferred ones. */
export const weightsEntries: readonly WeightsEntry[] = [...torchvisionWeights, ...timmWeights];

/** `torchvision/resnet50.imagenet1k_v2` → `resnet50.imagenet1k_v2` */
export const withoutOrigin = (name: string): string => name.slice(name.indexOf('/') + 1);

/** `torchvision/resnet50.imagenet1k_v2` → `imagenet1k_v2` */
export const tagOf = (name: string): string => name.slice(name.lastIndexOf('.') + 1);

const permissive: readonly WeightsEntry['licence'][] = ['Apache-2.0', 'BSD-3-Clause', 'MIT'];

/**
 * The entries of an architecture, its default first; none where nobody has published any. Those whose licence restricts
 * what the weights may be used for come last, so that nobody gets them without having asked for them.
 */
export function entriesOf(architecture: string): readonly WeightsEntry[] {
  const entries = weightsEntries.filter((entry) => entry.architecture === architecture);
  const isFree = ({ licence }: WeightsEntry) => permissive.includes(licence);
  return [...entries.filter(isFree), ...entries.filter((entry) => !isFree(entry))];
}

/**
 * The entry that `name` means: by its full name, `torchvision/resnet50.imagenet1k_v2`; without the origin where only
 * one fits, `resnet50.imagenet1k_v2`; or by an architecture, `resnet50`, for its default.
 *
 * @throws UserError where there is none, with the nearest name, or where several fit
 */
export function pretrainedConfig(name: string): WeightsEntry {
  const entry = entryNamed(name) ?? entriesOf(name)[0];
  if (entry) return entry;
  const names = weightsEntries.flatMap((known) => [known.name, withoutOrigin(known.name), known.architecture]);
  throw new UserError(
    `The weights "${printableName(name)}" are not known.${nearestNames(name, [...new Set(names)])} ` +
      '`listModels("**", { pretrained: true })` lists all, `listModels()` the architectures.',
  );
}

/** The entry with that name, the origin left out or not. @throws UserError where several fit */
export function entryNamed(name: string): WeightsEntry | undefined {
  const exact = weightsEntries.find((entry) => entry.name === name);
  return exact ?? only(name, (entry) => withoutOrigin(entry.name) === name);
}

/**
 * The entry of an architecture with that tag, `imagenet1k_v2`; `default` for its first. @throws UserError where several
 * fit
 */
export function entryTagged(architecture: string, tag: string): WeightsEntry | undefined {
  if (tag === 'default') return entriesOf(architecture)[0];
  return only(tag, (entry) => entry.architecture === architecture && tagOf(entry.name) === tag);
}

/** The published weights that `weights` means for a model, if it means any: by name, tag, `default` or architecture. */
export function publishedAs(weights: string, model?: string): WeightsEntry | undefined {
  const tagged = model === undefined ? undefined : entryTagged(model, weights);
  return tagged ?? entryNamed(weights) ?? entriesOf(weights)[0];
}

function only(name: string, fits: (entry: WeightsEntry) => boolean): WeightsEntry | undefined {
  const fitting = weightsEntries.filter(fits);
  if (fitting.length > 1) {
    throw new UserError(`The weights "${name}" can be ${fitting.map((entry) => entry.name).join(' or ')}: which?`);
  }
  return fitting[0];
}
