import './layers.css';
import { kebabCase } from '@graft-ml/core/internal/base/kebab-case';
import type { Shape } from '@graft-ml/core/internal/base/tensor';
import { signal, useSignalEffect } from '@preact/signals';
import { Button } from '../../ui/button.tsx';
import { NumberField, Range, Select } from '../fields.tsx';
import { count, flops, formatNumber, percent, plural } from '../format.ts';
import { Table } from '../table.tsx';
import { openWork } from '../work.ts';
import type { BlockState, NetworkPlan, PlannedBlock, PlanQuestion, StagePlan } from './network-plan.ts';

/** Networks whose activations are maps that get smaller, and one of patches. */
const models = [
  'squeezenet1_1',
  'resnet18',
  'resnet50',
  'conv4',
  'mobilenet_v3_small',
  'efficientnet_b0',
  'vgg11',
  'vit_b_16',
] as const;

type Options = PlanQuestion['config'];

const model = signal<string>('resnet18');
const images = signal(200);
const classes = signal(5);
const options = signal<Options>({ strategy: 'partial' });
/** Blocks that are clicked on, which then are the other way than the strategy has them. */
const changed = signal<ReadonlyMap<string, 'freeze' | 'train'>>(new Map());
const stage = signal(0);
const opened = signal<string | null>(null);
const work = openWork('plan');

/** The options as the command line and `trainFolder` take them. */
function chosenOptions(): Options {
  const of = (kind: 'freeze' | 'train') => [...changed.value].flatMap(([block, as]) => (as === kind ? [block] : []));
  const [freeze, train] = [of('freeze'), of('train')];
  return { ...options.value, ...(freeze.length > 0 && { freeze }), ...(train.length > 0 && { train }) };
}

function choose(change: Options): void {
  options.value = { ...options.value, ...change };
}

/** Freeze and unfreeze layers, and see what that trains, and what it costs. */
export function Layers() {
  useSignalEffect(() => {
    work.ask({ model: model.value, classes: classes.value, images: images.value, config: chosenOptions() });
  });
  const plan = work.answer.value?.value ?? null;
  const problem = work.problem.value;
  return (
    <section class="topic" aria-labelledby="layers-heading">
      <h2 id="layers-heading">Freeze and unfreeze</h2>
      <p>
        Transfer learning starts from parameters that were trained on something else. Frozen layers keep theirs, and no
        gradient is computed for them; the others are trained on your images. A strategy decides which, and when. Choose
        one, and click on a layer to freeze it or to train it all the same.
      </p>
      <Controls plan={plan} />
      {problem !== null && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
      {plan && <Drawing plan={plan} />}
      {plan && <Costs plan={plan} />}
      {plan && <Calls />}
    </section>
  );
}

function Controls({ plan }: { readonly plan: NetworkPlan | null }) {
  const { strategy = 'partial', freezeTo, transferRatio, transferFrozen, layerDecay, batchNorm } = options.value;
  const has = (option: string) => plan?.options.includes(option) ?? false;
  const blocks = plan?.blocks.filter(({ isHead, parameters }) => !isHead && parameters > 0) ?? [];
  const description = plan?.strategies.find(({ name }) => name === strategy)?.description;
  return (
    <>
      <div class="controls">
        <Select
          label="Network"
          value={model.value}
          values={models}
          onChange={(value) => {
            changed.value = new Map();
            stage.value = 0;
            opened.value = null;
            options.value = { ...options.value, freezeTo: null };
            model.value = value;
          }}
        />
        <Select
          label="strategy"
          isCode
          value={strategy ?? 'partial'}
          values={plan?.strategies.map(({ name }) => name) ?? [strategy ?? 'partial']}
          onChange={(value) => {
            changed.value = new Map();
            stage.value = 0;
            const { learningRate, batchNorm: norm } = options.value;
            options.value = {
              strategy: value,
              ...(learningRate !== undefined && { learningRate }),
              ...(norm !== undefined && { batchNorm: norm }),
              ...(value === 'partial-transfer' && { transferRatio: 0.5, transferFrozen: 'lower', transferHead: 'new' }),
            };
          }}
        />
        {has('freezeTo') && (
          <Select
            label="freezeTo"
            isCode
            value={freezeTo ?? ''}
            values={['', ...blocks.map(({ name }) => name)]}
            text={(value) => value || 'two thirds of the blocks'}
            onChange={(value) => choose({ freezeTo: value || null })}
          />
        )}
        {has('transferRatio') && (
          <>
            <Range
              label="transferRatio"
              value={transferRatio ?? 0.5}
              min={0}
              max={1}
              step={0.05}
              onChange={(value) => choose({ transferRatio: value })}
            />
            <Select
              label="transferFrozen"
              isCode
              value={transferFrozen ?? 'upper'}
              values={['lower', 'upper'] as const}
              onChange={(value) => choose({ transferFrozen: value })}
            />
          </>
        )}
      </div>
      <details>
        <summary>More options</summary>
        <div class="controls">
          {plan && <Numbers plan={plan} />}
          <Range
            label="layerDecay"
            value={layerDecay ?? 1}
            min={0.5}
            max={1}
            step={0.05}
            onChange={(value) => choose({ layerDecay: value })}
          />
          <Select
            label="batchNorm"
            isCode
            value={batchNorm ?? 'running'}
            values={['running', 'batch', 'frozen'] as const}
            onChange={(value) => choose({ batchNorm: value })}
          />
          <NumberField
            label="Images"
            value={images.value}
            min={8}
            max={100_000}
            onChange={(value) => (images.value = value)}
          />
          <NumberField
            label="Classes"
            value={classes.value}
            min={2}
            max={1000}
            onChange={(value) => (classes.value = value)}
          />
        </div>
      </details>
      {description && (
        <p class="soft">
          <code>{strategy}</code>: <WithCode text={description} />.
        </p>
      )}
    </>
  );
}

/** The options that have a default for every strategy. */
function Numbers({ plan }: { readonly plan: NetworkPlan }) {
  const { epochs, probe, learningRate, backboneRate } = plan.resolved;
  const rates = (own: number, usual: readonly number[]) =>
    [...new Set([own, ...usual])].sort((a, b) => b - a).map((rate) => String(rate));
  return (
    <>
      <NumberField
        label="epochs"
        isCode
        value={epochs}
        min={1}
        max={200}
        onChange={(value) => choose({ epochs: value })}
      />
      <NumberField
        label="probe"
        isCode
        value={probe}
        min={0}
        max={100}
        onChange={(value) => choose({ probe: value })}
      />
      <Select
        label="learningRate"
        isCode
        value={String(learningRate)}
        values={rates(learningRate, [1e-2, 3e-3, 1e-3, 3e-4, 1e-4])}
        text={(value) => formatNumber(Number(value))}
        onChange={(value) => choose({ learningRate: Number(value) })}
      />
      <Select
        label="backboneRate"
        isCode
        value={String(backboneRate)}
        values={rates(backboneRate, [1, 0.3, 0.1, 0.03, 0.01])}
        text={(value) => formatNumber(Number(value))}
        onChange={(value) => choose({ backboneRate: Number(value) })}
      />
    </>
  );
}

/** A sentence in which options stand between backticks. */
function WithCode({ text }: { readonly text: string }) {
  return <>{text.split('`').map((part, i) => (i % 2 === 1 ? <code key={part}>{part}</code> : part))}</>;
}

/** The network from input to head, as one stage trains it. */
function Drawing({ plan }: { readonly plan: NetworkPlan }) {
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
        <b>{count(trained)}</b> of {count(total)} parameters are trained ({percentOf(trained / total)}), in{' '}
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

/** The work of each stage. */
function Costs({ plan }: { readonly plan: NetworkPlan }) {
  const all = plan.stages.reduce((sum, stage) => sum + stage.flops, 0);
  return (
    <div class="panel">
      <h3>What it costs</h3>
      <p>
        One image through the whole network is {flops(plan.forwardFlops)}, counted in its graph, a multiply-add as two.
        A training step also computes gradients, back to the first trained layer. Frozen layers before it only run
        forward, and where images are not augmented anew, only once per image. In total:{' '}
        <b>
          {flops(all)}, {percentOf(all / plan.fullFlops)}
        </b>{' '}
        of training everything for the same number of epochs.
      </p>
      <Table
        caption="Work by stage"
        head={[
          'Stage',
          'Epochs',
          'Parameters',
          'Forward, a step',
          'Backward and update, a step',
          'Frozen layers',
          'Total',
        ]}
        rows={plan.stages.map((stage) => [
          stage.name,
          stage.epochs[1] - stage.epochs[0] + 1,
          count(stage.blocks.reduce((sum, { trained }) => sum + trained, 0)),
          flops(stage.work.forwardFlopsPerStep),
          flops(stage.work.flopsPerStep - stage.work.forwardFlopsPerStep),
          frozenText(stage),
          flops(stage.flops),
        ])}
      />
    </div>
  );
}

function frozenText({ work: { frozenFlops } }: StagePlan): string {
  const sum = frozenFlops.reduce((a, b) => a + b, 0);
  if (sum === 0) return 'none';
  const isOnce = frozenFlops.slice(1).every((value) => value === 0) && frozenFlops.length > 1;
  return isOnce ? `${flops(sum)}, once` : `${flops(frozenFlops[0]!)} an epoch`;
}

/** The same as a command and as a program. */
function Calls() {
  const own = Object.entries({ model: model.value, ...chosenOptions() }).filter(
    ([, value]) => value !== null && value !== undefined,
  );
  const flags = own.map(([name, value]) => `--${kebabCase(name)} ${Array.isArray(value) ? value.join() : value}`);
  return (
    <details>
      <summary>The same on the command line and in TypeScript</summary>
      <pre>
        <code>graft train photos/ {flags.join(' ')}</code>
      </pre>
      <pre>
        <code>
          {`for await (const event of trainFolder('photos', ${JSON.stringify(Object.fromEntries(own), null, 2)}, { out: 'runs/photos' })) console.log(event);`}
        </code>
      </pre>
    </details>
  );
}

const shapeText = (shape: Shape) => shape.join(' × ');
const percentOf = (share: number) => (share > 0 && share < 0.01 ? `${formatNumber(100 * share)} %` : percent(share));
