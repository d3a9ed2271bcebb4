import './inner-loop.css';
import { useSignalEffect } from '@preact/signals';
import { formatNumber, plural } from '../../ui/format.ts';
import { Progress } from '../../ui/progress.tsx';
import { Select } from '../fields.tsx';
import { ideas, lookOf } from './ideas.ts';
import type { Traced } from './inner-loop.ts';
import { shownLearners } from './learners.ts';
import { Player } from './player.tsx';
import { Results } from './results.tsx';
import { chosenLearners, question, settings, trace } from './state.ts';
import { SurfacePanel } from './surface-panel.tsx';
import { TaskPanel } from './task-panel.tsx';

/** An inner loop step by step, by three learners on one task. */
export function InnerLoop() {
  useSignalEffect(() => {
    if (question.value && question.value !== trace.answer.peek()?.question) trace.ask(question.value);
  });
  const start = trace.answer.value?.value.start;
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
        All three begin at one start that comes with Graft{start && <StartText start={start} />}. It was meta-learned
        with MAML, so ANIL and BOIL are here MAML’s start with other parameters adapted, not starts of their own: you
        see which part of this start does the work.
      </p>
      <div class="beside">
        <TaskPanel />
        <Loop />
      </div>
      <SurfacePanel />
    </section>
  );
}

function StartText({ start: { name, innerSteps, innerRate } }: { readonly start: Traced['start'] }) {
  return (
    <>
      , <code>{name}</code> ({plural(innerSteps, 'inner step')} at rate {formatNumber(innerRate)})
    </>
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
      {answer.value && <Player traces={answer.value.value.traces} />}
      {answer.value && <Results traces={answer.value.value.traces} task={answer.value.question.classes} />}
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
