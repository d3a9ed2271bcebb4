import './layers.css';
import { useSignalEffect } from '@preact/signals';
import { Controls } from './controls.tsx';
import { Calls, Costs } from './costs.tsx';
import { Drawing } from './drawing.tsx';
import { plan, question } from './state.ts';

/** Freeze and unfreeze layers, and see what that trains, and what it costs. */
export function Layers() {
  useSignalEffect(() => {
    if (question.value !== plan.answer.peek()?.question) plan.ask(question.value);
  });
  const planned = plan.answer.value?.value ?? null;
  const problem = plan.problem.value;
  return (
    <section class="topic" aria-labelledby="layers-heading">
      <h2 id="layers-heading">Freeze and unfreeze</h2>
      <p>
        Transfer learning starts from parameters that were trained on something else. Frozen layers keep theirs, and no
        gradient is computed for them; the others are trained on your images. A strategy decides which, and when. Choose
        one, and click on a layer to freeze it or to train it all the same.
      </p>
      <Controls plan={planned} />
      {problem !== null && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
      {planned && <Drawing plan={planned} />}
      {planned && <Costs plan={planned} />}
      {planned && <Calls />}
    </section>
  );
}
