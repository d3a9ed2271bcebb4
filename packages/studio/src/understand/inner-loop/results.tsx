import { type Curve, LineChart } from '../../ui/charts.tsx';
import { formatNumber, percent } from '../../ui/format.ts';
import { Table } from '../../ui/table.tsx';
import { ideas, lookOf } from './ideas.ts';
import type { DrawnClass, LearnerTrace } from './inner-loop.ts';
import { stepText } from './player.tsx';
import { Written } from './sketch-pad.tsx';
import { isPlaying, step } from './state.ts';

/** The learners at one step, and how they came there. */
export function Results({
  traces,
  task,
}: {
  readonly traces: readonly LearnerTrace[];
  readonly task: readonly DrawnClass[];
}) {
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

/** The distance of each block from the start. */
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
