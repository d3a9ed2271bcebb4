import { Button } from '../ui/button.tsx';
import { LineChart } from '../ui/charts.tsx';
import { formatNumber, percent } from '../ui/format.ts';
import { Progress } from '../ui/progress.tsx';
import { goTo } from '../ui/route.ts';
import { wantToLookAt } from './runs.ts';
import { roughly } from './setup.tsx';
import { pauseTraining, resumeTraining, type Training } from './training.ts';

/** The run that is trained: how far it is, and its curves. */
export function RunProgress({ training }: { readonly training: Training }) {
  const { out, phase, notes, problem, evaluations } = training;
  return (
    <section class="card running" aria-labelledby="running">
      <div class="row">
        <h2 id="running">{nameOf(out)}</h2>
        <span class={`phase ${phase}`} role="status">
          {sentenceOf(training)}
        </span>
      </div>
      {problem !== null && <p role="alert">{problem}</p>}
      <Bars training={training} />
      {evaluations.length > 0 && <Curves training={training} />}
      {notes.length > 0 && (
        <ul class="notes soft">
          {notes.map((note) => (
            <li key={note}>{note}</li>
          ))}
        </ul>
      )}
      <div class="row">
        {(phase === 'preparing' || phase === 'training') && <Button onClick={pauseTraining}>Pause</Button>}
        {phase === 'paused' && (
          <Button kind="primary" onClick={() => void resumeTraining(out)}>
            Go on
          </Button>
        )}
        {phase === 'done' && (
          <Button
            kind="primary"
            onClick={() => {
              wantToLookAt(out);
              goTo('look');
            }}
          >
            Look at it
          </Button>
        )}
      </div>
    </section>
  );
}

/** `runs/run-3` as `run-3` */
export function nameOf(path: string): string {
  return path.replace(/^runs\//, '');
}

function sentenceOf({ phase, accuracy }: Training): string {
  if (phase === 'done') return accuracy === null ? 'Done' : `Done: ${percent(accuracy)} of the validation images right`;
  return { preparing: 'Preparing', training: 'Training', pausing: 'Saving', paused: 'Paused', failed: 'Failed' }[phase];
}

function Bars({ training }: { readonly training: Training }) {
  const { phase, preparation, step, steps, stepsDone, epochs, stage, secondsLeft } = training;
  if (phase === 'done' || phase === 'failed') return null;
  if (preparation) {
    const { stage: what, done, total } = preparation;
    return <Progress label={`${what[0]!.toUpperCase()}${what.slice(1)}: ${done} of ${total}`} {...{ done, total }} />;
  }
  if (!step) return null;
  const left = secondsLeft === null || phase !== 'training' ? '' : ` · about ${roughly(secondsLeft)} left`;
  const text = `Epoch ${step.epoch} of ${epochs}${stage ? ` (${stage})` : ''}, step ${step.step} of ${step.steps}, loss ${formatNumber(Number(step.loss.toPrecision(3)))}${left}`;
  return <Progress label={text} done={stepsDone} total={steps} />;
}

function Curves({ training: { evaluations } }: { readonly training: Training }) {
  const curve = (name: string, look: number, of: (each: (typeof evaluations)[number]) => number) => ({
    name,
    look,
    points: evaluations.map((each) => [each.epoch, of(each)] as const),
  });
  return (
    <div class="charts">
      <LineChart
        title="Accuracy"
        xLabel="epoch"
        yLabel="accuracy"
        yRange={[0, 1]}
        format={percent}
        curves={[
          curve('validation', 0, ({ accuracy }) => accuracy),
          curve('training', 1, ({ training }) => training.accuracy),
        ]}
      />
      <LineChart
        title="Loss"
        xLabel="epoch"
        yLabel="loss"
        curves={[curve('validation', 0, ({ loss }) => loss), curve('training', 1, ({ training }) => training.loss)]}
      />
    </div>
  );
}
