import { formatNumber } from '../../ui/format.ts';
import { NumberField, Range, Select } from '../fields.tsx';
import { oneByOne } from './calls.ts';
import type { NetworkPlan } from './network-plan.ts';
import { begin, choose, classes, images, model, options, stage } from './state.ts';

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

/** The network and the options of its training. */
export function Controls({ plan }: { readonly plan: NetworkPlan | null }) {
  const {
    strategy = 'partial',
    freezeTo,
    unfreeze,
    transferRatio,
    transferFrozen,
    layerDecay,
    batchNorm,
  } = options.value;
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
            begin();
            options.value = { ...options.value, freezeTo: null, unfreeze: null };
            model.value = value;
          }}
        />
        <Select
          label="strategy"
          isCode
          value={strategy ?? 'partial'}
          values={plan?.strategies.map(({ name }) => name) ?? [strategy ?? 'partial']}
          onChange={(value) => {
            begin();
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
        {plan && has('unfreeze') && (
          <Select
            label="unfreeze"
            isCode
            value={unfreeze ? 'one by one' : 'four steps'}
            values={['four steps', 'one by one'] as const}
            onChange={(value) => {
              const names = plan.blocks.flatMap((block) => (block.parameters > 0 ? [block.name] : []));
              stage.value = 0;
              choose({ unfreeze: value === 'one by one' ? oneByOne(names, plan.resolved.epochs) : null });
            }}
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
        onChange={(value) => choose({ epochs: value, unfreeze: null })}
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
