import { useSignal } from '@preact/signals';
import { Button } from '../../ui/button.tsx';
import { NumberField, Select } from '../fields.tsx';
import type { DrawnClass } from './inner-loop.ts';
import { SketchPad, Written } from './sketch-pad.tsx';
import { bounds, canUndo, classes, drawOwn, isComplete, missing, redraw, resize, task, undo } from './state.ts';

type Side = 'support' | 'query';
const sides = ['support', 'query'] as const;

/** The task: characters that code writes, or that one writes oneself. */
export function TaskPanel() {
  const { size, isOwn } = task.value;
  const shown = isOwn ? (['way'] as const) : (['way', 'shots', 'queries'] as const);
  return (
    <section class="panel" aria-labelledby="task-heading">
      <h3 id="task-heading">The task</h3>
      <p>
        A few drawings of each class to learn from, the <b>support</b>, and others to be told apart after that, the{' '}
        <b>queries</b>. Nobody has seen these characters before.
      </p>
      <div class="controls">
        {shown.map((name) => (
          <NumberField
            key={name}
            label={name}
            isCode
            value={size[name]}
            min={bounds[name][0]}
            max={bounds[name][1]}
            onChange={(value) => resize({ [name]: value })}
          />
        ))}
        <Button onClick={() => resize({ seed: size.seed + 1 })}>Another task</Button>
        <Button icon="draw" onClick={drawOwn}>
          Draw your own
        </Button>
        <Button icon="undo" label="Undo" disabled={!canUndo.value} onClick={undo} />
      </div>
      <ul class="classes">
        {classes.value.map((each, label) => (
          <li key={each.name} class={`class-${label}`}>
            <b>{each.name}</b>
            {sides.map((side) => (
              <Sheets key={side} of={each} side={side} />
            ))}
          </li>
        ))}
      </ul>
      <Pad />
      <p role="status" class="soft">
        {statusText()}
      </p>
    </section>
  );
}

function statusText(): string {
  if (isComplete.value) return 'A click on a drawing takes it away.';
  const names = missing.value.map(({ name }) => name);
  if (names.length === 0) return 'There is no query yet: draw one to be told apart.';
  return `There is nothing to learn from for ${names.join(', ')}: draw one of each.`;
}

/** The drawings of a class on one side. */
function Sheets({ of, side }: { readonly of: DrawnClass; readonly side: Side }) {
  const name = side === 'support' ? 'support' : 'queries';
  return (
    <div class={`sheets ${side}`}>
      <span>{name}</span>
      <ul aria-label={`${of.name}, ${name}`}>
        {of[side].map((drawing, i) => (
          <li key={i}>
            <button
              type="button"
              aria-label={`Take away drawing ${i + 1} of ${of.name}, ${name}`}
              onClick={() => redraw(of.name, side, (drawings) => drawings.filter((_, k) => k !== i))}
            >
              <Written drawing={drawing} />
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}

/** The pad, and where a drawing goes: to the first class that lacks one, unless one chooses. */
function Pad() {
  const chosen = useSignal<{ readonly name: string; readonly side: Side } | null>(null);
  const names = classes.value.map(({ name }) => name);
  const next = missing.value[0];
  const asking = classes.value.find(({ query }) => query.length === 0);
  const { name, side } =
    chosen.value && names.includes(chosen.value.name)
      ? chosen.value
      : next
        ? { name: next.name, side: 'support' as const }
        : { name: (asking ?? classes.value[0]!).name, side: 'query' as const };
  return (
    <details open={task.value.isOwn || !isComplete.value}>
      <summary>Draw one</summary>
      <div class="controls">
        <SketchPad
          done={`Add to ${name}`}
          onDone={(drawing) => redraw(name, side, (drawings) => [...drawings, drawing])}
        />
        <div class="where">
          <Select
            label="Class"
            value={name}
            values={names}
            onChange={(value) => (chosen.value = { name: value, side })}
          />
          <Select label="as" value={side} values={sides} onChange={(value) => (chosen.value = { name, side: value })} />
          {chosen.value && (
            <Button kind="quiet" onClick={() => (chosen.value = null)}>
              In turn
            </Button>
          )}
        </div>
      </div>
    </details>
  );
}
