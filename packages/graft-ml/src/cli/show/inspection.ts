import { formatPlacements } from '@graft-ml/core/internal/runtime/placement';
import type { InspectedBlock, InspectedParameter, Inspection } from '../../transfer/inspect-model.ts';
import type { StepPlacements } from '../../transfer/step-placements.ts';
import { formatCount, table } from './format.ts';
import type { Result } from './printer.ts';

/** The parameters of a model, or its blocks, and which are trained. */
export function inspectionResult(
  { model, epoch, parameters, blocks, totals, step }: Inspection,
  { byBlock }: { readonly byBlock: boolean },
): Result {
  const all = formatCount(totals.trained + totals.frozen);
  const counts = `${formatCount(totals.trained)} trained, ${formatCount(totals.frozen)} frozen`;
  return {
    lines: [
      ...(epoch ? [`${epoch.title}\n`] : []),
      byBlock ? blockTable(blocks) : parameterRows(parameters),
      `\n${all} parameters: ${counts}; ${formatCount(totals.buffers)} in buffers.`,
      ...(step ? [`\n${formatStepPlacements(step)}`] : []),
    ],
    json: {
      model,
      ...(epoch && { epoch: epoch.epoch, stage: epoch.stage }),
      ...(byBlock ? { blocks } : { parameters }),
      totals,
      ...(step && { step }),
    },
  };
}

function blockTable(blocks: readonly InspectedBlock[]): string {
  const cells = blocks.map(({ block, output, trained, frozen, rates }) => [
    block,
    output ? `[${output.join(', ')}]` : '',
    formatCount(trained),
    formatCount(frozen),
    rates.map(significant).join(', '),
  ]);
  return table(['block', 'gives', 'trained', 'frozen', 'rate'], cells);
}

function parameterRows(rows: readonly InspectedParameter[]): string {
  const cells = rows.map(({ name, shape, size, state, rate, rates }) => [
    name,
    `[${shape.join(', ')}]`,
    formatCount(size),
    state,
    rate === null ? '' : significant(rate),
    rates === null ? '' : rates.map(significant).join(' → '),
  ]);
  return table(['name', 'shape', 'size', 'state', 'rate', 'in the epoch'], cells);
}

const significant = (rate: number) => String(Number(rate.toPrecision(3)));

/** The placements as text, below a line on the device. */
function formatStepPlacements({ device, reason, batchSize, placements }: StepPlacements): string {
  const step = `A training step of ${batchSize} images on ${device}`;
  if (device === 'webgpu') return `${reason ? `${reason}\n` : ''}${step}: ${formatPlacements(placements)}`;
  const where = device === 'cpu' ? 'all of it is computed there.' : 'ONNX Runtime places its kernels unchecked.';
  return `${reason ? `${reason}\n` : ''}${step}: ${where}`;
}
