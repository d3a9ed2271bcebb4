import './transfer.css';
import { effect, signal } from '@preact/signals';
import { Button } from '../../ui/button.tsx';
import { type Curve, LineChart } from '../../ui/charts.tsx';
import { count, duration, formatNumber, percent, plural } from '../../ui/format.ts';
import { Progress } from '../../ui/progress.tsx';
import { Table } from '../../ui/table.tsx';
import { Select } from '../fields.tsx';
import { writtenByCode } from '../inner-loop/drawing.ts';
import { Written } from '../inner-loop/sketch-pad.tsx';
import { openWork } from '../work.ts';
import { studyTask } from './study-task.ts';
import type { StudyQuestion, StudyRow, StudyState } from './transfer-study.ts';

type Frozen = StudyQuestion['transferFrozen'];

const seeds = [0, 1, 2] as const;
const epochChoices = ['5', '10', '30'] as const;
const transferFrozen = signal<Frozen>('lower');
const epochs = signal<(typeof epochChoices)[number]>('5');
/** The row of the study that is looked at, from the least that is trained on. */
const chosen = signal(1);
const study = openWork('study');
/** Studies by their question, kept as long as the page is open. */
const kept = signal<ReadonlyMap<string, StudyState>>(new Map());

function keep(of: StudyQuestion, state: StudyState): void {
  kept.value = new Map([...kept.peek(), [keyOf(of), state]]);
}

effect(() => {
  const answer = study.answer.value;
  if (answer) keep(answer.question, answer.value);
});

function cancel(): void {
  const soFar = study.progress.value;
  study.cancel();
  if (soFar) keep(question(), soFar);
}

const question = (): StudyQuestion => ({ transferFrozen: transferFrozen.value, seeds, epochs: Number(epochs.value) });
const keyOf = ({ transferFrozen: side, epochs: many }: StudyQuestion) => `${side} ${many}`;

/** Measures how much of a network is worth training, in the page. */
export function Transfer() {
  const isBusy = study.isBusy.value;
  const running = isBusy ? study.progress.value : null;
  const state = running ?? kept.value.get(keyOf(question())) ?? null;
  return (
    <section class="topic" aria-labelledby="transfer-heading">
      <h2 id="transfer-heading">How much to transfer</h2>
      <p>
        A network that has learned one set of characters is to learn another, of which there are few drawings. All its
        layers are taken over; the share <code>transferRatio</code> of its blocks is trained further, and the others
        stay frozen. The head is new, because the classes are, and always trained.
      </p>
      <TaskText />
      <div class="controls">
        <Select
          label="transferFrozen"
          isCode
          value={transferFrozen.value}
          isDisabled={isBusy}
          values={['lower', 'upper'] as const}
          text={(value) => (value === 'lower' ? 'lower: the first blocks' : 'upper: the last blocks')}
          onChange={(value) => {
            transferFrozen.value = value;
          }}
        />
        <Select
          label="epochs"
          isCode
          value={epochs.value}
          isDisabled={isBusy}
          values={epochChoices}
          onChange={(value) => {
            epochs.value = value;
          }}
        />
        {isBusy ? (
          <Button onClick={cancel}>Cancel</Button>
        ) : (
          <Button kind="primary" onClick={() => study.ask(question())}>
            {state ? 'Measure again' : 'Measure'}
          </Button>
        )}
      </div>
      {isBusy && <Running state={running} />}
      {study.problem.value !== null && (
        <p class="problem" role="alert">
          {study.problem.value}
        </p>
      )}
      {state?.rows.some(({ runs }) => runs.length > 0) && <Results state={state} />}
    </section>
  );
}

function TaskText() {
  const { source, target, filters } = studyTask;
  return (
    <div class="panel transfer-task">
      <p>
        The network is a conv-4 with {filters} filters. First it learns {source.classes} characters from {source.images}{' '}
        drawings of each; then {target.classes} others from {target.images} of each, three times with different seeds.
        Accuracy is that on {target.testImages} more of each, after the last epoch.
      </p>
      <div class="samples" aria-hidden="true">
        {[0, 1, 2, 3, 4, 5].map((label) => (
          <Written key={label} drawing={writtenByCode(0, label, 0)} />
        ))}
        <span>→</span>
        {[0, 1, 2].map((label) => (
          <Written key={label} drawing={writtenByCode(1, label, 0)} />
        ))}
      </div>
    </div>
  );
}

function Running({ state }: { readonly state: StudyState | null }) {
  const doing =
    state === null
      ? 'Loading'
      : state.doing === null
        ? 'Training on the first characters'
        : `${nameOf(state.doing)}, seed ${state.doing.seed}`;
  return <Progress label={`${doing} …`} done={state?.done ?? 0} total={state?.total ?? 1} />;
}

function Results({ state }: { readonly state: StudyState }) {
  const rows = state.rows.filter(({ transferRatio }) => transferRatio !== null);
  const scratch = state.rows.find(({ transferRatio }) => transferRatio === null);
  const at = rows[Math.min(chosen.value, rows.length - 1)]!;
  const ratio = at.transferRatio ?? 0;
  return (
    <>
      <label class="field ratio">
        <span>
          <code>transferRatio</code> {formatNumber(ratio)}
        </span>
        <input
          type="range"
          min={0}
          max={rows.length - 1}
          value={rows.indexOf(at)}
          aria-valuetext={`${formatNumber(ratio)}: ${at.trained.join(', ')} trained`}
          onInput={({ currentTarget }) => {
            chosen.value = currentTarget.valueAsNumber;
          }}
        />
      </label>
      <Blocks row={at} blocks={scratch?.trained ?? at.trained} />
      <p role="status">
        {state.done === state.total
          ? sentence(at, scratch, state)
          : `${state.done} of ${state.total} trainings so far:`}
      </p>
      <div class="charts">
        <LineChart
          title="Accuracy by transferRatio"
          xLabel="share of the blocks that is trained"
          yLabel="accuracy on test drawings"
          yRange={[0, 1]}
          format={percent}
          at={ratio}
          curves={[
            curveOf('transferred', 0, rows, ({ accuracy }) => accuracy),
            ...(scratch ? [levelOf('from random weights', rows, scratch, ({ accuracy }) => accuracy)] : []),
          ]}
        />
        <LineChart
          title="Time by transferRatio"
          xLabel="share of the blocks that is trained"
          yLabel="seconds of the epochs"
          format={duration}
          at={ratio}
          curves={[
            curveOf('transferred', 0, rows, ({ seconds }) => seconds),
            ...(scratch ? [levelOf('from random weights', rows, scratch, ({ seconds }) => seconds)] : []),
          ]}
        />
      </div>
      <Table
        caption="Every training"
        head={['Training', 'Trained', 'Parameters', ...seeds.map((seed) => `Seed ${seed}`), 'Mean', 'Time']}
        rows={state.rows.map((row) => [
          nameOf(row),
          row.trained.join(', '),
          count(row.parameters),
          ...seeds.map((seed) => {
            const run = row.runs.find((each) => each.seed === seed);
            return run ? percent(run.accuracy) : '–';
          }),
          row.runs.length > 0 ? <b key="mean">{percent(mean(row.runs.map(({ accuracy }) => accuracy)))}</b> : '–',
          row.runs.length > 0 ? duration(mean(row.runs.map(({ seconds }) => seconds))) : '–',
        ])}
      />
      <p class="soft">
        The band is from the worst to the best of the seeds. Times are those of the epochs on this device, evaluation
        included. Before the transfer, the network classified {percent(state.sourceAccuracy ?? 0)} of new drawings of
        its own characters correctly.
      </p>
    </>
  );
}

/** The network as one ratio trains it. */
function Blocks({ row, blocks }: { readonly row: StudyRow; readonly blocks: readonly string[] }) {
  return (
    <ol class="strip" aria-label="Blocks from the image to the head">
      {blocks.map((block) => {
        const isTrained = row.trained.includes(block);
        return (
          <li key={block} class={isTrained ? 'trained' : 'frozen'}>
            <b>{block}</b>
            <span>{block === 'head' ? 'new, trained' : isTrained ? 'trained' : 'frozen'}</span>
          </li>
        );
      })}
    </ol>
  );
}

function sentence(row: StudyRow, scratch: StudyRow | undefined, { rows }: StudyState): string {
  const of = (each: StudyRow) => percent(mean(each.runs.map(({ accuracy }) => accuracy)));
  const whole = rows.findLast(({ transferRatio }) => transferRatio !== null)!;
  const part = `${plural(row.trained.length, 'block')} trained, ${count(row.parameters)} parameters: accuracy ${of(row)} after ${duration(mean(row.runs.map(({ seconds }) => seconds)))}.`;
  const others = [
    ...(row === whole ? [] : [`with all blocks trained ${of(whole)}`]),
    ...(scratch ? [`from random weights ${of(scratch)}`] : []),
  ];
  return `${part} For comparison: ${others.join(', ')}.`;
}

function nameOf({ transferRatio }: Pick<StudyRow, 'transferRatio'>): string {
  return transferRatio === null ? 'From random weights' : `Ratio ${formatNumber(transferRatio)}`;
}

type Measure = (run: StudyRow['runs'][number]) => number;

function curveOf(name: string, look: number, rows: readonly StudyRow[], measure: Measure): Curve {
  const measured = rows.filter(({ runs }) => runs.length > 0);
  return {
    name,
    look,
    points: measured.map(({ transferRatio, runs }) => [transferRatio ?? 1, mean(runs.map(measure))] as const),
    band: measured.map(({ transferRatio, runs }) => {
      const values = runs.map(measure);
      return [transferRatio ?? 1, Math.min(...values), Math.max(...values)] as const;
    }),
  };
}

/** A measure that has no ratio, at all of them. */
function levelOf(name: string, rows: readonly StudyRow[], { runs }: StudyRow, measure: Measure): Curve {
  const level = mean(runs.map(measure));
  return {
    name,
    look: 1,
    points: runs.length > 0 ? rows.map(({ transferRatio }) => [transferRatio ?? 1, level] as const) : [],
  };
}

function mean(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length;
}
