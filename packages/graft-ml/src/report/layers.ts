import { UserError } from '@graft-ml/core/internal/base/errors';
import { type InspectedBlock, inspectModel } from '../transfer/inspect-model.ts';
import type { StageTime } from './course.ts';

/** The blocks of a network in each stage of a run: which were trained, and at which rate. */
export interface LayerPlan {
  readonly stages: readonly { readonly stage: StageTime; readonly blocks: readonly InspectedBlock[] }[];
  /** The learning rates by epoch, of parameters that share them. Each epoch has the rates of its first and last step. */
  readonly rates: readonly RateCurve[];
  /** Why there is no plan; null where there is one. */
  readonly problem: string | null;
}

export interface RateCurve {
  /** The blocks whose parameters have these rates. */
  readonly name: string;
  readonly points: readonly (readonly [epoch: number, rate: number])[];
}

/** The most epochs that rates are looked up for, and the most curves of them. */
const mostEpochs = 40;
const mostCurves = 6;

/** The plan of a run's layers as it was carried out, by stage and by epoch. */
export async function layerPlan(run: string, stages: readonly StageTime[]): Promise<LayerPlan> {
  try {
    const planned = (await inspectModel(run)).epoch?.epoch ?? 0;
    if (planned === 0) return { stages: [], rates: [], problem: 'This run records no plan of its layers.' };
    const plans: LayerPlan['stages'][number][] = [];
    for (const stage of stages) {
      const { blocks } = await inspectModel(run, { epoch: Math.min(stage.from, planned) });
      plans.push({ stage, blocks });
    }
    return { stages: plans, rates: await rateCurves(run, Math.min(stages.at(-1)?.to ?? 0, planned)), problem: null };
  } catch (error) {
    if (error instanceof UserError) return { stages: [], rates: [], problem: error.message };
    throw error;
  }
}

async function rateCurves(run: string, epochs: number): Promise<RateCurve[]> {
  const step = Math.max(1, Math.ceil(epochs / mostEpochs));
  const rates = new Map<string, [number, number][]>();
  let blocks: readonly string[] = [];
  for (let epoch = 1; epoch <= epochs; epoch += step) {
    const inspection = await inspectModel(run, { epoch });
    blocks = inspection.blocks.map(({ block }) => block);
    for (const { name, rates: within } of inspection.parameters) {
      if (!within) continue;
      const own = rates.get(name) ?? [];
      own.push([epoch - 1, within[0]], [epoch, within[1]]);
      rates.set(name, own);
    }
  }
  return sharedCurves(rates, blocks);
}

/** Parameters with the same rates in all epochs are one curve. */
function sharedCurves(rates: ReadonlyMap<string, [number, number][]>, blocks: readonly string[]): RateCurve[] {
  const curves = new Map<string, { names: Set<string>; points: [number, number][] }>();
  for (const [name, points] of rates) {
    const key = JSON.stringify(points);
    const curve = curves.get(key) ?? { names: new Set(), points };
    curve.names.add(blockOf(name, blocks));
    curves.set(key, curve);
  }
  const all = [...curves.values()].map(({ names, points }) => ({ name: rangeOf([...names]), points }));
  if (all.length <= mostCurves) return all;
  // Of many, first, last and some between: rates that decay from layer to layer.
  return Array.from({ length: mostCurves }, (_, i) => all[Math.round((i * (all.length - 1)) / (mostCurves - 1))]!);
}

function blockOf(name: string, blocks: readonly string[]): string {
  const own = blocks.filter((block) => name === block || name.startsWith(`${block}.`));
  return own.toSorted((a, b) => b.length - a.length)[0] ?? 'head';
}

const rangeOf = (names: readonly string[]) => (names.length <= 2 ? names.join(', ') : `${names[0]} to ${names.at(-1)}`);
