import { count, flops, percentOrLess } from '../../ui/format.ts';
import { Table } from '../../ui/table.tsx';
import { flagsOf, programOf } from './calls.ts';
import type { NetworkPlan, StagePlan } from './network-plan.ts';
import { chosenOptions, model } from './state.ts';

/** The work of each stage. */
export function Costs({ plan }: { readonly plan: NetworkPlan }) {
  const all = plan.stages.reduce((sum, stage) => sum + stage.flops, 0);
  return (
    <div class="panel">
      <h3>What it costs</h3>
      <p>
        One image through the whole network is {flops(plan.forwardFlops)}, counted in its graph, a multiply-add as two.
        A training step also computes gradients, back to the first trained layer. Frozen layers before it only run
        forward, and where images are not augmented anew, only once per image. In total:{' '}
        <b>
          {flops(all)}, {percentOrLess(all / plan.fullFlops)}
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
export function Calls() {
  return (
    <details>
      <summary>The same on the command line and in TypeScript</summary>
      <pre>
        <code>graft train photos/ {flagsOf(model.value, chosenOptions.value).join(' ')}</code>
      </pre>
      <pre>
        <code>{programOf(model.value, chosenOptions.value)}</code>
      </pre>
    </details>
  );
}
