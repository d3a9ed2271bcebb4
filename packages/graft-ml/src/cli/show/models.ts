import type { WeightsEntry } from '@graft-ml/core/internal/weights/registry/entry';
import type { ArchitectureDescription, WeightsDescription } from '../../transfer/describe-model.ts';
import { factSheet, formatCount, table } from './format.ts';
import type { Result } from './printer.ts';

/** The list of architectures, a line each. */
export function architecturesResult(models: readonly ArchitectureDescription[]): Result {
  const rows = models.map(({ name, parameters, imageSize, weights: [first] }) => [
    name,
    formatCount(parameters),
    percent(first?.top1),
    imageSize,
    first?.licence ?? '–',
    first?.name ?? '–',
  ]);
  return {
    lines: [table(['model', 'parameters', 'top-1', 'pixels', 'licence', 'default weights'], rows)],
    json: models.map((model) => ({ ...model, weights: model.weights.map(({ name }) => name) })),
  };
}

/** The list of published weights, a line each. */
export function weightsResult(entries: readonly WeightsEntry[]): Result {
  const rows = entries.map(({ name, parameters, top1, preprocessing, licence }) => [
    name,
    formatCount(parameters),
    percent(top1),
    preprocessing.crop,
    licence ?? '–',
  ]);
  return { lines: [table(['weights', 'parameters', 'top-1', 'pixels', 'licence'], rows)], json: entries };
}

/** An architecture with its default weights, if it has any. */
export function architectureResult(model: ArchitectureDescription, first: WeightsDescription | null): Result {
  const { name, parameters, imageSize, source, weights } = model;
  const facts = {
    source,
    parameters: formatCount(parameters),
    pixels: String(imageSize),
    weights: weights.map((entry) => entry.name).join('\n') || 'none published',
  };
  return {
    lines: [factSheet(name, facts), ...(first ? ['', entrySheet(first)] : [])],
    json: { name, parameters, imageSize, source, weights },
  };
}

/** One entry of published weights. */
export function entryResult(entry: WeightsDescription): Result {
  return { lines: [entrySheet(entry)], json: entry };
}

function entrySheet(entry: WeightsDescription): string {
  const { preprocessing, sha256, sizeMiB, licence, top1, top5, outputs } = entry;
  const { resize, squash, crop, interpolation, mean, std } = preprocessing;
  return factSheet(entry.name, {
    architecture: entry.architecture,
    parameters: formatCount(entry.parameters),
    accuracy: `top-1 ${percent(top1)}, top-5 ${percent(top5)}`,
    images:
      `resize ${resize}${squash ? ' both sides' : ''}, crop ${crop}, ${interpolation}, mean ${mean.join(' ')}, std ` +
      `${std.join(' ')}`,
    classes: entry.classes ?? (outputs ? `${formatCount(outputs)}, without names` : 'none: it has no head'),
    licence: licence ?? 'not stated',
    source: entry.source,
    url: entry.url,
    sha256: sha256 ?? 'the hub tells it',
    size: sizeMiB === null ? 'the hub tells it' : `${sizeMiB} MiB`,
    'in the cache': entry.cached ?? 'no',
  });
}

/** An accuracy of the registry, which has percentages. */
function percent(value: number | null | undefined): string {
  return value == null ? '–' : `${value.toFixed(1)} %`;
}
