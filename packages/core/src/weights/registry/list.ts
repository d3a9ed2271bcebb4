import { globMatcher } from '../../base/glob.ts';
import { listArchitectures } from '../../models/index.ts';
import { entriesOf, withoutOrigin } from './lookup.ts';

/**
 * The names of the zoo's architectures, or with `pretrained` of published weights for them, in the zoo's order.
 *
 * `pattern` is a glob: `*` for any characters, `{a,b}` for alternatives. For weights it is matched against the full
 * name, the name without its origin, and the architecture: `resnet50` finds all weights of ResNet-50, `timm/*` all of
 * timm's.
 */
export function listModels(pattern = '**', { pretrained = false }: { pretrained?: boolean } = {}): string[] {
  const matches = globMatcher(pattern);
  if (!pretrained) return listArchitectures().filter((name) => matches(name));
  const entries = listArchitectures().flatMap(entriesOf);
  return entries
    .filter(({ name, architecture }) => [name, withoutOrigin(name), architecture].some((text) => matches(text)))
    .map(({ name }) => name);
}
