import { existsSync } from 'node:fs';
import { UsageError, UserError } from '@graft-ml/core/internal/base/errors';
import { isGlob } from '@graft-ml/core/internal/base/glob';
import { sizeOf } from '@graft-ml/core/internal/base/tensor';
import { imageNetwork } from '@graft-ml/core/internal/fit/network';
import { variablesOf } from '@graft-ml/core/internal/fit/step';
import type { WeightsEntry } from '@graft-ml/core/internal/weights/registry/entry';
import { listModels } from '@graft-ml/core/internal/weights/registry/list';
import { entriesOf, pretrainedConfig } from '@graft-ml/core/internal/weights/registry/lookup';
import { getModel, listArchitectures } from '@graft-ml/core/models';
import { z } from 'zod';
import { defaultCache } from '../../cache/folder-cache.ts';
import { cachePath, fetchWeights } from '../../checkpoint/fetch-weights.ts';
import { defineCommand } from '../command.ts';
import { downloadOptions } from '../download.ts';
import { downloadFlags } from '../options/shared.ts';
import { table } from '../show/format.ts';
import type { Terminal } from '../terminal.ts';

const options = z.strictObject({
  pretrained: z.boolean().default(false).describe('published weights instead of architectures'),
  download: z.boolean().default(false).describe('download the weights of that name into the cache'),
  ...downloadFlags,
});

export const modelsCommand = defineCommand({
  arguments: [
    { syntax: '[name]', description: 'an architecture, published weights, or a pattern: * stands for any characters' },
  ],
  options,
  goesOnUnread: (given) => given.download,
  examples: [
    'graft models',
    "graft models '*efficientnet*' --pretrained",
    'graft models torchvision/resnet50.imagenet1k_v2',
    'graft models resnet18 --download',
  ],
  async run({ positionals: [name], options, terminal }) {
    if (name !== undefined && !isGlob(name)) {
      if (options.download) return download(pretrainedConfig(name), options, terminal);
      if (!options.pretrained) return show(name, terminal);
    } else if (options.download) {
      throw new UsageError('models: --download takes the name of one architecture or of its weights.');
    }
    const names = listModels(name, { pretrained: options.pretrained });
    if (names.length === 0) throw new UserError(`models: nothing matches "${name}".`);
    if (options.pretrained) listWeights(names.map(pretrainedConfig), terminal);
    else listModelsOf(names.map(describe), terminal);
  },
});

/** The facts about an architecture. The parameters are those of the network with 1000 outputs. */
function describe(name: string) {
  const { preprocessing, source } = getModel(name);
  const weights = entriesOf(name);
  return { name, parameters: countParameters(name), imageSize: preprocessing.crop, source, weights };
}

function countParameters(name: string): number {
  const published = entriesOf(name).find(({ classes }) => classes === 'imagenet1k');
  if (published) return published.parameters;
  const model = getModel(name);
  const variables = variablesOf(imageNetwork(model, model.preprocessing, 1000));
  const parameters = [...variables.values()].filter(({ kind }) => kind === 'parameter');
  return parameters.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
}

const number = (value: number) => value.toLocaleString('en');
const percent = (value: number | null | undefined) => (value == null ? '–' : `${value.toFixed(1)} %`);

function listModelsOf(models: readonly ReturnType<typeof describe>[], terminal: Terminal): void {
  const rows = models.map(({ name, parameters, imageSize, weights: [first] }) => {
    const { top1, licence, name: weights = '–' } = first ?? {};
    return [name, number(parameters), percent(top1), imageSize, licence ?? '–', weights];
  });
  terminal.print(table(['model', 'parameters', 'top-1', 'pixels', 'licence', 'default weights'], rows));
  terminal.printJson(models.map(({ weights, ...model }) => ({ ...model, weights: weights.map(({ name }) => name) })));
}

function listWeights(entries: readonly WeightsEntry[], terminal: Terminal): void {
  const rows = entries.map(({ name, parameters, top1, preprocessing, licence }) => [
    ...[name, number(parameters), percent(top1), preprocessing.crop, licence ?? '–'],
  ]);
  terminal.print(table(['weights', 'parameters', 'top-1', 'pixels', 'licence'], rows));
  terminal.printJson(entries);
}

/** An architecture with its default weights, or those weights alone. */
function show(name: string, terminal: Terminal): void {
  if (!listArchitectures().includes(name)) {
    const entry = pretrainedConfig(name);
    showEntry(entry, terminal);
    terminal.printJson({ ...entry, cached: cached(entry) });
    return;
  }
  const { parameters, imageSize, source, weights } = describe(name);
  const [first] = weights;
  const names = weights.map((entry) => entry.name).join('\n');
  const facts = { source, parameters: number(parameters), pixels: imageSize, weights: names || 'none published' };
  terminal.print(lines(name, facts));
  if (first) {
    terminal.print();
    showEntry(first, terminal);
  }
  terminal.printJson({ name, parameters, imageSize, source, weights });
}

function showEntry(entry: WeightsEntry, terminal: Terminal): void {
  const { preprocessing, sha256, sizeMiB, licence, top1, top5 } = entry;
  const { resize, squash, crop, interpolation, mean, std } = preprocessing;
  const facts = {
    architecture: entry.architecture,
    parameters: number(entry.parameters),
    accuracy: `top-1 ${percent(top1)}, top-5 ${percent(top5)}`,
    images: `resize ${resize}${squash ? ' both sides' : ''}, crop ${crop}, ${interpolation}, mean ${mean.join(' ')}, std ${std.join(' ')}`,
    classes: entry.classes ?? (entry.outputs ? `${number(entry.outputs)}, without names` : 'none: it has no head'),
    licence: licence ?? 'not stated',
    source: entry.source,
    url: entry.url,
    sha256: sha256 ?? 'the hub tells it',
    size: sizeMiB === null ? 'the hub tells it' : `${sizeMiB} MiB`,
    'in the cache': cached(entry) ?? 'no',
  };
  terminal.print(lines(entry.name, facts));
}

/** The path of the file, if it has been downloaded. */
function cached(entry: WeightsEntry): string | null {
  const path = cachePath(entry, defaultCache());
  return existsSync(path) ? path : null;
}

/** A heading and facts below it; a fact of several lines is set in its column. */
function lines(heading: string, facts: Readonly<Record<string, unknown>>): string {
  const width = Math.max(...Object.keys(facts).map((key) => key.length)) + 2;
  const rows = Object.entries(facts).map(([key, value]) => {
    const [first, ...others] = String(value ?? '–').split('\n');
    return [`  ${key.padEnd(width)}${first}`, ...others.map((line) => `  ${' '.repeat(width)}${line}`)].join('\n');
  });
  return [heading, ...rows].join('\n');
}

async function download(entry: WeightsEntry, flags: z.output<typeof options>, terminal: Terminal): Promise<void> {
  const fetched = await fetchWeights(entry, downloadOptions(flags, terminal));
  terminal.print(fetched.path);
  terminal.printJson({ ...entry, ...fetched });
}
