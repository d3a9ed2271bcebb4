import { signal } from '@preact/signals';
import { Button } from '../../ui/button.tsx';
import { SurfaceChart } from '../../ui/charts.tsx';
import { formatNumber } from '../../ui/format.ts';
import { Progress } from '../../ui/progress.tsx';
import { Select } from '../fields.tsx';
import { type ShownLearner, shownLearners } from './learners.ts';
import { classes, isComplete, settings, step, surface } from './state.ts';

const learner = signal<ShownLearner>('maml');

/** The loss around the way of an inner loop, computed on demand: every point is a network of its own. */
export function SurfacePanel() {
  const { answer, progress, problem, isBusy } = surface;
  const { done, total } = progress.value ?? { done: 0, total: 1 };
  const ask = () => surface.ask({ classes: classes.value, learner: learner.value, ...settings.value });
  return (
    <section class="panel" aria-labelledby="surface-heading">
      <h3 id="surface-heading">The way through the loss surface</h3>
      <p>
        The parameters before and after the loop, and the direction in which its way bends most, span a plane; the loss
        of the task is computed on a grid over it (Li et al. 2018). The steps descend on the support’s loss; what counts
        is the queries’.
      </p>
      <div class="controls">
        <Select
          label="Learner"
          value={learner.value}
          values={shownLearners}
          text={(value) => value.toUpperCase()}
          onChange={(value) => {
            learner.value = value;
          }}
        />
        {isBusy.value ? (
          <Button onClick={surface.cancel}>Cancel</Button>
        ) : (
          <Button disabled={!isComplete.value} onClick={ask}>
            Compute the surface
          </Button>
        )}
      </div>
      {isBusy.value && <Progress label={`${done} of ${total} losses computed`} done={done} total={total} />}
      {problem.value !== null && (
        <p class="problem" role="alert">
          {problem.value}
        </p>
      )}
      {answer.value && !isBusy.value && (
        <>
          <div class="charts">
            {(['support', 'query'] as const).map((of) => (
              <SurfaceChart
                key={of}
                title={`${of === 'support' ? 'Support' : 'Queries'}, ${answer.value!.question.learner.toUpperCase()}`}
                surface={answer.value!.value}
                of={of}
                at={step.value}
              />
            ))}
          </div>
          <p class="soft" role="status">
            The stronger the colour, the lower the loss. The plane holds {formatNumber(100 * answer.value.value.held)} %
            of the way; a point of it is drawn where it is nearest to the plane.
          </p>
        </>
      )}
    </section>
  );
}
