import { OptionError } from '../base/errors.ts';
import { constant } from '../graph/index.ts';
import { cutBefore, prefixGraph } from './cut.ts';
import { type Mixing, mixed } from './mixing.ts';
import type { Model } from './model.ts';
import { fits, inMemory, type Source, throughPrefix, whenAsked } from './source.ts';
import type { Stage } from './stage.ts';

export interface SourceOptions {
  readonly training: Source;
  readonly validation: Source;
  /** Whether training examples are the same in every epoch. */
  readonly isSame: boolean;
  readonly mixing?: Mixing | undefined;
  /** MiB. */
  readonly memory: number;
  readonly seed: number;
}

/** Rows that frozen layers compute at once. */
const rowsAtOnce = 16;

/**
 * The network that a stage trains and its inputs: the whole network on the examples themselves, or the part behind the
 * frozen layers on their outputs, which are cached as far as the memory goes.
 */
export function openSources(
  model: Model,
  settings: Stage['settings'],
  { training, validation, isSame, mixing, memory, seed }: SourceOptions,
): Pick<Stage, 'network' | 'mixes' | 'open'> {
  const { network, runtime } = model;
  const cut = mixing ? null : cutBefore(network, (name) => Boolean(settings.get(name)));
  if (mixing) assertImages(model);
  if (!cut) {
    const input = network.input;
    const open = async () => ({
      training: mixing ? mixed(training, mixing, seed) : training,
      validation:
        fits(memory, validation.size, input) && !validation.isSequential
          ? whenAsked(validation.size, () => inMemory(validation, input, { batchSize: rowsAtOnce }))
          : validation,
      close: async () => {},
    });
    return { network, mixes: mixing !== undefined, open };
  }
  const input = { dtype: 'f32', shape: cut.shape } as const;
  const keeps = (count: number) => fits(memory, count, input);
  return {
    network: cut.network,
    mixes: false,
    async open(variables) {
      const features = prefixGraph(network, cut.endpoint, rowsAtOnce, ({ name }) => constant(variables[name]!));
      const prefix = await runtime.compile({ features });
      const behind = (source: Source) => throughPrefix(source, prefix, rowsAtOnce);
      const kept = async (source: Source) => inMemory(behind(source), input, { batchSize: rowsAtOnce });
      const keepsTraining = isSame && !training.isSequential && keeps(training.size + validation.size);
      return {
        training: keepsTraining ? await kept(training) : behind(training),
        validation: keeps(validation.size) && !validation.isSequential ? await kept(validation) : behind(validation),
        close: () => prefix.release(),
      };
    },
  };
}

function assertImages({ network: { input } }: Model): void {
  if (input.dtype === 'u8' && input.shape.length === 3) return;
  const received = `${input.dtype}[${input.shape.join(',')}]`;
  throw new OptionError({ option: 'mixing', expected: 'a network that takes images, u8 (3, h, w)', received });
}
