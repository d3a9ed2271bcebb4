import { plural } from '@graft-ml/core/internal/base/plural';
import { printableName } from '@graft-ml/core/internal/base/printable';
import { formatProblems } from '@graft-ml/core/internal/image/problem';
import type { ModelRanking, RankedModel } from '../../experiment/rank-models.ts';
import { formatCount, percent, table } from './format.ts';
import type { Result } from './printer.ts';

/** The models of `graft rank`, the best first. */
export function rankResult(ranking: ModelRanking): Result {
  const { root, classes, images, by, models, failed, problems, notes } = ranking;
  const ofModels = models.flatMap((model) => model.notes.map((note) => `${model.name}: ${note}`));
  return {
    notes: [...notes, ...ofModels, ...(problems.length > 0 ? [formatProblems(problems)] : [])],
    lines: [
      `${root}: ${plural(images, 'image')} of ${plural(classes.length, 'class', 'classes')}; by ${names[by]}.`,
      ...(models.length === 0 ? [] : ['', table(head, models.map(rowOf)), ...verdict(models)]),
      ...(failed.length === 0
        ? []
        : ['', 'Not ranked:', ...failed.map(({ name, reason }) => `  ${name}: ${reason.replaceAll('\n', '\n  ')}`)]),
    ],
    json: ranking,
  };
}

/** A file without its folders. */
function shortOf(name: string): string {
  return /\.(onnx|safetensors|pth|pt|bin)$/i.test(name) ? name.replace(/[^=]*[/\\]/, '') : name;
}

const names = { probe: 'the linear probe', neighbours: 'nearest neighbours', logme: 'LogME' } as const;

const head = ['model', 'probe', '95 %', 'neighbours', 'LogME', 'parameters', 'GFLOPs', 'features', 'seconds'];

function rowOf({ name, probe, neighbours, logme, parameters, flops, features, seconds }: RankedModel): string[] {
  return [
    printableName(shortOf(name), 40),
    percent(probe.accuracy),
    probe.interval.map((end) => (100 * end).toFixed(1)).join(' to '),
    percent(neighbours.accuracy),
    logme.toFixed(3),
    formatCount(parameters),
    (flops / 1e9).toFixed(2),
    String(features),
    (seconds.features + seconds.scores).toFixed(1),
  ];
}

/** The models of which the probe cannot tell whether they are worse than the first. */
function verdict([first, ...others]: readonly RankedModel[]): string[] {
  if (!first || others.length === 0) return [];
  const equals = others.filter(({ pValue }) => pValue >= 0.05).map(({ name }) => shortOf(name));
  if (equals.length === 0)
    return [`\nThe probe of ${shortOf(first.name)} is better than every other’s (McNemar’s test, p < 0.05).`];
  return [
    `\nOn these images the probe of ${equals.join(', ')} may be as good as the first’s (McNemar’s test, p ≥ 0.05).`,
  ];
}
