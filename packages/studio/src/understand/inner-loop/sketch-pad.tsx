import { useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import { Button } from '../../ui/button.tsx';
import { type Drawing, type Point, penWidth, type Stroke } from './drawing.ts';

/** A drawing as it was written: ink on paper, whatever the page's colours are. */
export function Written({ drawing, pen = null }: { readonly drawing: Drawing; readonly pen?: Point | null }) {
  return (
    <svg class="paper" viewBox="0 0 1 1" aria-hidden="true" focusable="false">
      {drawing.map((stroke, i) => (
        <path key={i} d={pathOf(stroke)} stroke-width={penWidth} />
      ))}
      {pen && <circle class="pen" cx={pen[0]} cy={pen[1]} r={0.03} />}
    </svg>
  );
}

function pathOf(stroke: Stroke): string {
  const [first, ...rest] = stroke.map(([x, y]) => `${x.toFixed(3)} ${y.toFixed(3)}`);
  return `M${first}${(rest.length > 0 ? rest : [first]).map((point) => `L${point}`).join('')}`;
}

/** The step of the pen for an arrow key. */
const keyStep = 1 / 28;
const within = (value: number) => Math.min(0.98, Math.max(0.02, value));

/**
 * Paper to write on with a mouse, a finger or a pen, or by keyboard: arrow keys move the pen, Space puts it down and lifts
 * it, Enter takes the drawing.
 */
export function SketchPad({ done, onDone }: { readonly done: string; onDone(drawing: Drawing): void }) {
  const strokes = useSignal<Drawing>([]);
  const keyPen = useSignal<Point | null>(null);
  const said = useSignal('');
  const isDown = useRef(false);
  const at = (event: PointerEvent): Point => {
    const { left, top, width, height } = (event.currentTarget as Element).getBoundingClientRect();
    return [within((event.clientX - left) / width), within((event.clientY - top) / height)];
  };
  const begin = (point: Point) => {
    isDown.current = true;
    strokes.value = [...strokes.value, [point]];
  };
  const go = (point: Point) => {
    if (!isDown.current) return;
    const last = strokes.value.at(-1) ?? [];
    strokes.value = [...strokes.value.slice(0, -1), [...last, point]];
  };
  const lift = () => {
    isDown.current = false;
  };
  const take = () => {
    if (strokes.value.length === 0) return;
    lift();
    onDone(strokes.value);
    strokes.value = [];
    said.value = 'Added.';
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    const [x, y] = keyPen.value ?? [0.5, 0.5];
    if (move) {
      keyPen.value = [within(x + move[0]! * keyStep), within(y + move[1]! * keyStep)];
      go(keyPen.value);
    } else if (event.key === ' ') {
      keyPen.value = [x, y];
      if (isDown.current) lift();
      else begin([x, y]);
      said.value = isDown.current ? 'Pen down.' : 'Pen up.';
    } else if (event.key === 'Enter') take();
    else return;
    event.preventDefault();
  };
  const isEmpty = strokes.value.length === 0;
  return (
    <div class="pad">
      <div
        class="sheet"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it takes keys, as an application
        tabIndex={0}
        role="application"
        aria-label="Sketch pad. Arrow keys move the pen, Space puts it down and lifts it, Enter takes the drawing."
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          keyPen.value = null;
          begin(at(event));
        }}
        onPointerMove={(event) => go(at(event))}
        onPointerUp={lift}
        onPointerCancel={lift}
        onKeyDown={onKeyDown}
        onBlur={() => {
          keyPen.value = null;
          lift();
        }}
      >
        <Written drawing={strokes.value} pen={keyPen.value} />
      </div>
      <span class="unseen" role="status">
        {said.value}
      </span>
      <div class="row">
        <Button kind="primary" disabled={isEmpty} onClick={take}>
          {done}
        </Button>
        <Button
          icon="undo"
          label="Undo the last stroke"
          disabled={isEmpty}
          onClick={() => {
            strokes.value = strokes.value.slice(0, -1);
          }}
        />
      </div>
    </div>
  );
}
