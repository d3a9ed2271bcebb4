import type { Shape } from '@graft-ml/core/internal/base/tensor';
import { signal } from '@preact/signals';
import { Button } from '../../ui/button.tsx';
import { count, formatNumber, percentOrLess, plural } from '../../ui/format.ts';
import { Table } from '../../ui/table.tsx';
import { Select } from '../fields.tsx';
import type { BlockState, NetworkPlan, PlannedBlock, StagePlan } from './network-plan.ts';
import { changed, stage } from './state.ts';

/** The network from input to head, as one stage trains it. */
export function Drawing({ plan }: { readonly plan: NetworkPlan }) {
  const index = Math.min(stage.value, plan.stages.length - 1);
  const shown = plan.stages[index];
  if (!shown) return null;
  const total = plan.blocks.reduce((sum, { parameters }) => sum + parameters, 0);
  const trained = shown.blocks.reduce((sum, block) => sum + block.trained, 0);
  const first = shown.blocks.findIndex((block) => block.trained > 0);
  return (
    <>
      {plan.stages.length > 1 && <Stages plan={plan} index={index} />}
      <p role="status">
        {plan.stages.length > 1 ? `Stage ${index + 1}, ${shown.name}: ` : ''}
        <b>{count(trained)}</b> of {count(total)} parameters are trained ({percentOrLess(trained / total)}), in{' '}
        {plural(shown.blocks.filter((block) => block.trained > 0).length, 'block')} of {plan.blocks.length}.
        {plan.isOpen && ' Its accuracy decides what is trained next.'}
      </p>
      {changed.value.size > 0 && (
        <div class="row">
          <Button icon="undo" onClick={() => (changed.value = new Map())}>
            Reset to the strategy
          </Button>
        </div>
      )}
      <ol class="blocks" aria-label={`Blocks of ${plan.model}, from the image to the head`}>
        <li class="block input">
          <Volume output={[3, plan.side, plan.side]} side={plan.side} />
          <b>image</b>
          <span>{shapeText([3, plan.side, plan.side])}</span>
        </li>
        {plan.blocks.map((block, i) => (
          <Block key={block.name} block={block} state={shown.blocks[i]!} side={plan.side} isPassed={first < i} />
        ))}
      </ol>
      <Tensors plan={plan} stage={shown} />
    </>
  );
}

function Stages({ plan, index }: { readonly plan: NetworkPlan; readonly index: number }) {
  return (
    <fieldset class="stages">
      <legend>Stages, as long as their epochs</legend>
      <div>
        {plan.stages.map(({ name, epochs: [first, last] }, i) => (
          <label key={name} class={i === index ? 'chosen' : ''} style={{ flexGrow: last - first + 1 }}>
            <input
              type="radio"
              name="stage"
              checked={i === index}
              onChange={() => {
                stage.value = i;
              }}
            />
            <b>{name}</b>
            <span>{first === last ? `epoch ${first}` : `epochs ${first} to ${last}`}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}

/** A block: a click freezes or trains it, whatever the strategy says; another click lets the strategy decide again. */
function Block({
  block,
  state,
  side,
  isPassed,
}: {
  readonly block: PlannedBlock;
  readonly state: BlockState;
  readonly side: number;
  /** Whether the gradient goes through it, to a block before it. */
  readonly isPassed: boolean;
}) {
  const { name, output, parameters } = block;
  const kind =
    parameters === 0 ? 'none' : state.trained === 0 ? 'frozen' : state.trained < parameters ? 'part' : 'trained';
  const override = changed.value.get(name);
  const toggle = () => {
    const next = new Map(changed.value);
    if (!next.delete(name)) next.set(name, state.trained > 0 ? 'freeze' : 'train');
    changed.value = next;
  };
  return (
    <li>
      <button
        type="button"
        class={`block ${kind} ${override ? 'changed' : ''}`}
        aria-pressed={state.trained > 0}
        disabled={parameters === 0}
        onClick={toggle}
      >
        <Volume output={output} side={side} />
        <b>{name}</b>
        <span>{shapeText(output)}</span>
        <span>{plural(parameters, 'parameter')}</span>
        <span class="state">
          {kind === 'frozen' && isPassed ? 'frozen, the gradient passes' : stateText(kind, state)}
          {override && <em>{override === 'freeze' ? 'frozen by a click' : 'trained by a click'}</em>}
        </span>
        {state.batchNorm && <span class="norm">{normText(state)}</span>}
      </button>
    </li>
  );
}

function stateText(kind: 'none' | 'frozen' | 'part' | 'trained', { rates }: BlockState): string {
  if (kind === 'none') return 'nothing to train';
  if (kind === 'frozen') return 'frozen';
  const [most, least] = [formatNumber(rates[0]!), formatNumber(rates.at(-1)!)];
  return `${kind === 'part' ? 'partly trained' : 'trained'}, rate ${most === least ? most : `${least} to ${most}`}`;
}

function normText({ batchNorm }: BlockState): string {
  if (batchNorm === 'frozen') return 'batch norm keeps its statistics';
  if (batchNorm === 'mixed') return 'batch norm: some keep theirs';
  return batchNorm === 'running' ? 'batch norm by the batch, kept for evaluation' : 'batch norm by the batch';
}

/** The activations of one image as a solid: as high and wide as their map, as deep as they have channels. */
function Volume({ output, side }: { readonly output: Shape; readonly side: number }) {
  const [channels, rows] =
    output.length === 3 ? [output[0]!, output[1]!] : [output.at(-1) ?? 1, output.length === 2 ? side / 16 : 1];
  const face = 6 + 38 * Math.sqrt(rows / side);
  const depth = 2 + 3.2 * Math.log2(channels);
  const slant = depth * 0.5;
  const [x, y] = [(90 - face - depth) / 2, (64 - face - slant) / 2 + slant];
  return (
    <svg class="volume" viewBox="0 0 90 64" aria-hidden="true" focusable="false">
      <path class="side" d={`M${x + face} ${y}l${depth} ${-slant}v${face}l${-depth} ${slant}z`} />
      <path class="top" d={`M${x} ${y}l${depth} ${-slant}h${face}l${-depth} ${slant}z`} />
      <path class="front" d={`M${x} ${y}h${face}v${face}h${-face}z`} />
    </svg>
  );
}

/** The block whose parameters are listed; null: the head. */
const opened = signal<string | null>(null);

/** The parameters of a block, one by one. */
function Tensors({ plan, stage: shown }: { readonly plan: NetworkPlan; readonly stage: StagePlan }) {
  const names = plan.blocks.map(({ name }) => name);
  const name = opened.value !== null && names.includes(opened.value) ? opened.value : names.at(-1)!;
  const index = names.indexOf(name);
  const block = plan.blocks[index]!;
  return (
    <details>
      <summary>Parameters, one by one</summary>
      <div class="controls">
        <Select label="Block" value={name} values={names} onChange={(value) => (opened.value = value)} />
      </div>
      <Table
        caption={`Parameters of ${name}`}
        head={['Parameter', 'Shape', 'Learning rate']}
        rows={block.tensors.map(({ name: tensor, shape }, i) => {
          const rate = shown.blocks[index]!.byTensor[i] ?? null;
          return [<code key="name">{tensor}</code>, shape.join(' × '), rate === null ? 'frozen' : formatNumber(rate)];
        })}
      />
    </details>
  );
}

const shapeText = (shape: Shape) => shape.join(' × ');
