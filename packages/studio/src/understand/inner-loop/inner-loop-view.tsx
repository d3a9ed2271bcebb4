import './inner-loop.css';
import { useSignalEffect } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { Button } from '../../ui/button.tsx';
import { Progress } from '../../ui/progress.tsx';
import { type Curve, LineChart } from '../charts.tsx';
import { Select } from '../fields.tsx';
import { formatNumber, percent, plural } from '../format.ts';
import { Table } from '../table.tsx';
import type { DrawnClass, LearnerTrace } from './inner-loop.ts';
import { type ShownLearner, shownLearners } from './learners.ts';
import { Written } from './sketch-pad.tsx';
import { chosenLearners, classes, isComplete, isPlaying, settings, step, trace } from './state.ts';
import { SurfacePanel } from './surface-panel.tsx';
import { TaskPanel } from './task-panel.tsx';

/** What the papers say each learner adapts, and why. */
const ideas: { readonly [L in ShownLearner]: { readonly name: string; readonly text: string } } = {
  maml: {
    name: 'MAML',
    text:
      'Finn et al. 2017: the inner loop takes gradient steps on the support’s loss with all parameters. The start is ' +
      'meta-learned so that the loss of the queries is low after these steps.',
  },
  anil: {
    name: 'ANIL',
    text:
      'Raghu et al. 2020, “almost no inner loop”: only the head is adapted, in meta-training too. They found that ' +
      'MAML works mostly by feature reuse: its inner loop hardly changes what the body computes, and adapting the ' +
      'head alone does as well.',
  },
  boil: {
    name: 'BOIL',
    text:
      'Oh et al. 2021, “body only update in inner loop”: the head is frozen in the inner loop, so the body has to ' +
      'change its features: representation change instead of reuse. They found this better, most of all where new ' +
      'tasks come from another domain.',
  },
};

/** The colour and dash of a learner. */
const lookOf = (learner: ShownLearner) => shownLearners.indexOf(learner);

/** An inner loop step by step, by three learners on one task. */
export function InnerLoop() {
  useSignalEffect(() => {
    if (!isComplete.value || chosenLearners.value.length === 0) return;
    trace.ask({ classes: classes.value, learners: chosenLearners.value, ...settings.value });
  });
  return (
    <section class="topic" aria-labelledby="inner-heading">
      <h2 id="inner-heading">The inner loop, step by step</h2>
      <p>
        Meta-learning looks for an initialisation, a start, from which a few gradient steps suffice for a new task.
        These steps are the inner loop: gradient descent on the support. Watch what they do to the answers to the
        queries, which they never see.
      </p>
      <dl class="ideas">
        {shownLearners.map((learner) => (
          <div key={learner} class={`look-${lookOf(learner)}`}>
            <dt>{ideas[learner].name}</dt>
            <dd>{ideas[learner].text}</dd>
          </div>
        ))}
      </dl>
      <p class="soft">
        All three begin at the start <code>omniglot</code> that comes with Graft. It was meta-learned with MAML (one
        inner step, rate 0.4), so ANIL and BOIL are here MAML’s start with other parameters adapted, not starts of their
        own: you see which part of this start does the work.
      </p>
      <div class="beside">
        <TaskPanel />
        <Loop />
      </div>
      <SurfacePanel />
    </section>
  );
}

function Loop() {
  const { answer, progress, problem, isBusy } = trace;
  const done = progress.value?.done ?? 0;
  return (
    <section class="panel" aria-labelledby="loop-heading">
      <h3 id="loop-heading">The loop</h3>
      <Settings />
      {problem.value !== null && (
        <p class="problem" role="alert">
          {problem.value}
        </p>
      )}
      {answer.value === null && isBusy.value && (
        <Progress label="Loading the start, and taking the steps" done={done} total={chosenLearners.value.length} />
      )}
      {answer.value && isBusy.value && <p class="soft">Computing …</p>}
      {answer.value && <Player traces={answer.value.value} />}
      {answer.value && <Results traces={answer.value.value} task={answer.value.question.classes} />}
    </section>
  );
}

function Settings() {
  const { innerSteps, innerRate, statistics } = settings.value;
  const power = Math.round(20 * Math.log10(innerRate)) / 20;
  return (
    <div class="controls">
      <label class="field">
        <span>
          <code>innerSteps</code> {innerSteps}
        </span>
        <input
          type="range"
          min={1}
          max={10}
          value={innerSteps}
          onChange={({ currentTarget }) => {
            settings.value = { ...settings.value, innerSteps: currentTarget.valueAsNumber };
          }}
        />
      </label>
      <label class="field">
        <span>
          <code>innerRate</code> {formatNumber(innerRate)}
        </span>
        <input
          type="range"
          min={-3}
          max={0}
          step={0.05}
          value={power}
          aria-valuetext={formatNumber(innerRate)}
          onChange={({ currentTarget }) => {
            const rate = Number((10 ** currentTarget.valueAsNumber).toPrecision(2));
            settings.value = { ...settings.value, innerRate: rate };
          }}
        />
      </label>
      <Select
        label="statistics"
        isCode
        value={statistics}
        values={['support', 'batch'] as const}
        text={(value) => (value === 'support' ? 'support: each query alone' : 'batch: queries together')}
        onChange={(value) => {
          settings.value = { ...settings.value, statistics: value };
        }}
      />
      <fieldset class="checks">
        <legend>Learners</legend>
        {shownLearners.map((learner) => (
          <label key={learner}>
            <input
              type="checkbox"
              checked={chosenLearners.value.includes(learner)}
              onChange={({ currentTarget }) => {
                const own = chosenLearners.value;
                chosenLearners.value = shownLearners.filter((each) =>
                  each === learner ? currentTarget.checked : own.includes(each),
                );
              }}
            />
            {ideas[learner].name}
          </label>
        ))}
      </fieldset>
    </div>
  );
}

function Player({ traces }: { readonly traces: readonly LearnerTrace[] }) {
  const last = traces[0]!.steps.length - 1;
  const go = (to: number) => {
    isPlaying.value = false;
    step.value = Math.min(last, Math.max(0, to));
  };
  useEffect(() => {
    if (!isPlaying.value) return;
    const timer = setInterval(() => {
      if (step.value < last) step.value++;
      if (step.value >= last) isPlaying.value = false;
    }, 900);
    return () => clearInterval(timer);
  }, [isPlaying.value, last]);
  const play = () => {
    if (!isPlaying.value && step.value >= last) step.value = 0;
    isPlaying.value = !isPlaying.value;
  };
  const now = stepText(step.value, last);
  return (
    <div class="player">
      <Button disabled={step.value === 0} onClick={() => go(step.value - 1)}>
        Step back
      </Button>
      <Button kind="primary" onClick={play}>
        {isPlaying.value ? 'Pause' : 'Play'}
      </Button>
      <Button disabled={step.value === last} onClick={() => go(step.value + 1)}>
        Step on
      </Button>
      <label>
        <span>{now}</span>
        <input
          type="range"
          min={0}
          max={last}
          value={step.value}
          aria-valuetext={now}
          onInput={({ currentTarget }) => go(currentTarget.valueAsNumber)}
        />
      </label>
    </div>
  );
}

function stepText(at: number, last: number): string {
  return at === 0 ? 'At the start, before any step' : `After ${at} of ${plural(last, 'inner step')}`;
}

function Results({ traces, task }: { readonly traces: readonly LearnerTrace[]; readonly task: readonly DrawnClass[] }) {
  const at = Math.min(step.value, traces[0]!.steps.length - 1);
  const curves = (of: (each: LearnerTrace['steps'][number]) => number): Curve[] =>
    traces.map(({ learner, steps }) => ({
      name: ideas[learner].name,
      look: lookOf(learner),
      points: steps.map((each) => [each.step, of(each)] as const),
    }));
  const said = traces
    .map(({ learner, steps }) => `${ideas[learner].name} ${percent(steps[at]!.query.accuracy)} of the queries right`)
    .join(', ');
  return (
    <>
      <p class="unseen" role="status">
        {isPlaying.value ? '' : `${stepText(at, traces[0]!.steps.length - 1)}: ${said}.`}
      </p>
      <Table
        caption="Loss and accuracy at this step"
        head={['Learner', 'Adapts', 'Support loss', 'accuracy', 'Query loss', 'accuracy']}
        rows={traces.map(({ learner, adapts, steps }) => {
          const { support, query } = steps[at]!;
          return [
            <span key="name" class={`name look-${lookOf(learner)}`}>
              {ideas[learner].name}
            </span>,
            adaptsText[adapts],
            <Figure key="support" value={support.loss} />,
            percent(support.accuracy),
            <Figure key="query" value={query.loss} />,
            <b key="right">{percent(query.accuracy)}</b>,
          ];
        })}
      />
      <div class="charts">
        <LineChart
          title="Query loss"
          xLabel="inner steps"
          yLabel="loss, nats"
          at={at}
          curves={curves(({ query }) => query.loss)}
        />
        <LineChart
          title="Support loss"
          xLabel="inner steps"
          yLabel="loss, nats"
          at={at}
          curves={curves(({ support }) => support.loss)}
        />
        <LineChart
          title="Query accuracy"
          xLabel="inner steps"
          yLabel="share"
          yRange={[0, 1]}
          format={percent}
          at={at}
          curves={curves(({ query }) => query.accuracy)}
        />
      </div>
      <Answers traces={traces} task={task} at={at} />
      <Moves traces={traces} at={at} />
    </>
  );
}

const adaptsText = { all: 'everything', head: 'the head', body: 'the body' } as const;

/** A number with all its digits behind it. */
function Figure({ value }: { readonly value: number }) {
  return <data value={value}>{value < 1e-4 ? '< 0.0001' : value.toFixed(value < 0.1 ? 4 : 3)}</data>;
}

/** Each query with what each learner says of it. */
function Answers({
  traces,
  task,
  at,
}: {
  readonly traces: readonly LearnerTrace[];
  readonly task: readonly DrawnClass[];
  readonly at: number;
}) {
  const queries = task.flatMap(({ query }, label) => query.map((drawing) => ({ drawing, label })));
  const names = task.map(({ name }) => name);
  return (
    <div class="answers">
      <h4>Answers to each query</h4>
      <ul>
        {queries.map(({ drawing, label }, i) => (
          <li key={i}>
            <span class={`asked class-${label}`}>
              <Written drawing={drawing} />
              <span>
                <span class="unseen">Query {i + 1}, a drawing of </span>
                {names[label]}
              </span>
            </span>
            {traces.map(({ learner, steps }) => (
              <Answer
                key={learner}
                by={ideas[learner].name}
                probabilities={steps[at]!.query.probabilities[i] ?? []}
                label={label}
                names={names}
              />
            ))}
          </li>
        ))}
      </ul>
    </div>
  );
}

function Answer({
  by,
  probabilities,
  label,
  names,
}: {
  readonly by: string;
  readonly probabilities: readonly number[];
  readonly label: number;
  readonly names: readonly string[];
}) {
  const most = Math.max(...probabilities);
  const said = probabilities.indexOf(most);
  const all = probabilities.map((p, i) => `${names[i]} ${percent(p)}`).join(', ');
  return (
    <span class={`answer ${said === label ? 'right' : 'wrong'}`}>
      <span>
        <span class="soft">{by}</span> <span aria-hidden="true">{said === label ? '✓' : '✗'}</span> {names[said]}{' '}
        {percent(most)}
      </span>
      <span class="unseen">
        {said === label ? 'right' : 'wrong'}; {all}
      </span>
      <span class="bar" aria-hidden="true" title={all}>
        {probabilities.map((p, i) => (
          <span key={names[i]} class={`class-${i}`} style={{ flexGrow: p }} />
        ))}
      </span>
    </span>
  );
}

/** How far each block has moved. */
function Moves({ traces, at }: { readonly traces: readonly LearnerTrace[]; readonly at: number }) {
  const blocks = traces[0]!.moved.map(({ block }) => block);
  const most = Math.max(...traces.flatMap(({ moved }) => moved.flatMap(({ byStep }) => byStep)));
  return (
    <div>
      <h4>How far each block has moved</h4>
      <p class="soft">The Euclidean distance of its parameters from the start, relative to their norm there.</p>
      <Table
        caption="How far each block has moved"
        head={['Block', ...traces.map(({ learner }) => ideas[learner].name)]}
        rows={blocks.map((block, i) => [
          block,
          ...traces.map(({ learner, moved }) => {
            const share = moved[i]!.byStep[at]!;
            return (
              <span key={learner} class={`moved look-${lookOf(learner)}`}>
                <data value={share}>{share === 0 ? 'not at all' : `${formatNumber(100 * share)} %`}</data>
                <span aria-hidden="true" style={{ width: `${most > 0 ? (100 * share) / most : 0}%` }} />
              </span>
            );
          }),
        ])}
      />
    </div>
  );
}
