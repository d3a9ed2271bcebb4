import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { Button } from '../ui/button.tsx';

/** The side of a drawing, in pixels. */
const side = 224;
/** Of the pen, in pixels of the drawing: about that of the characters which the shipped starts have learned. */
const penWidth = 9;
/** How far an arrow key moves the pen. */
const keyStep = side / 28;

type Point = readonly [x: number, y: number];

interface SketchPadProps {
  /** Called when a stroke ends and when all are wiped, with what is drawn; null where nothing is. */
  onStroke?(drawing: Blob | null): void;
  /** Adds a button of this name, which takes the drawing and wipes the pad. */
  readonly done?: { readonly name: string; take(drawing: Blob): void };
}

/**
 * Paper to draw a character or a shape on, with a mouse, a finger or a pen, or by keyboard: arrow keys move the pen, Space
 * puts it down and lifts it, Enter takes the drawing.
 */
export function SketchPad({ onStroke, done }: SketchPadProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const strokes = useRef<Point[][]>([]);
  const isDown = useRef(false);
  const pen = useSignal<Point | null>(null); // of the keyboard
  const said = useSignal('');
  const isEmpty = useSignal(true);
  const draw = () => {
    isEmpty.value = strokes.current.length === 0;
    drawStrokes(canvas.current!.getContext('2d')!, strokes.current, pen.peek());
  };
  useEffect(draw, []);
  const finish = async () => {
    isDown.current = false;
    draw();
    onStroke?.(strokes.current.length > 0 ? await blobOf(strokes.current) : null);
  };
  const wipe = (kept: Point[][]) => {
    strokes.current = kept;
    void finish();
  };
  const take = async () => {
    const taken = strokes.current;
    if (!done || taken.length === 0) return;
    wipe([]); // at once: what is drawn while the image is made is the next drawing
    done.take(await blobOf(taken));
    said.value = 'The drawing is taken.';
  };
  const at = ({ offsetX, offsetY }: PointerEvent): Point => {
    const { clientWidth, clientHeight } = canvas.current!;
    return [(offsetX / clientWidth) * side, (offsetY / clientHeight) * side];
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    const [x, y] = pen.value ?? [side / 2, side / 2];
    if (move) {
      pen.value = [within(x + move[0]! * keyStep), within(y + move[1]! * keyStep)];
      if (isDown.current) strokes.current.at(-1)!.push(pen.value);
      draw();
    } else if (event.key === ' ') {
      pen.value = [x, y];
      if (isDown.current) void finish();
      else {
        strokes.current.push([[x, y]]);
        isDown.current = true;
        draw();
      }
      said.value = isDown.current ? 'Pen down.' : 'Pen up.';
    } else if (event.key === 'Enter') void take();
    else return;
    event.preventDefault();
  };
  return (
    <div class="panel">
      <div
        class="sketch"
        role="application"
        aria-label="Sketch pad. Arrow keys move the pen, Space puts it down and lifts it."
        // biome-ignore lint/a11y/noNoninteractiveTabindex: an application takes keys
        tabIndex={0}
        onKeyDown={onKeyDown}
        onBlur={() => {
          pen.value = null;
          draw();
        }}
      >
        <canvas
          ref={canvas}
          width={side}
          height={side}
          onPointerDown={(event) => {
            event.currentTarget.setPointerCapture(event.pointerId);
            pen.value = null;
            isDown.current = true;
            strokes.current.push([at(event)]);
            draw();
          }}
          onPointerMove={(event) => {
            if (!isDown.current) return;
            strokes.current.at(-1)?.push(at(event));
            draw();
          }}
          onPointerUp={finish}
          onPointerCancel={finish}
        />
      </div>
      <span class="unseen" role="status">
        {said.value}
      </span>
      <div class="row">
        {done && (
          <Button kind="primary" disabled={isEmpty.value} onClick={take}>
            {done.name}
          </Button>
        )}
        <Button
          icon="undo"
          label="Undo the last stroke"
          disabled={isEmpty.value}
          onClick={() => wipe(strokes.current.slice(0, -1))}
        />
        <Button icon="remove" label="Wipe the pad" disabled={isEmpty.value} onClick={() => wipe([])} />
      </div>
    </div>
  );
}

const within = (value: number) => Math.min(side, Math.max(0, value));

/** Dark ink on white paper, whatever the page's colours are: it is what models see. */
function drawStrokes(
  context: CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D,
  strokes: readonly (readonly Point[])[],
  pen: Point | null,
): void {
  context.fillStyle = '#ffffff';
  context.fillRect(0, 0, side, side);
  context.strokeStyle = '#111111';
  context.lineWidth = penWidth;
  context.lineCap = 'round';
  context.lineJoin = 'round';
  for (const [[x, y] = [0, 0], ...rest] of strokes) {
    context.beginPath();
    context.moveTo(x, y);
    context.lineTo(x, y); // a dot
    for (const [toX, toY] of rest) context.lineTo(toX, toY);
    context.stroke();
  }
  if (pen === null) return;
  context.strokeStyle = '#27684a';
  context.lineWidth = 2;
  context.beginPath();
  context.arc(pen[0], pen[1], penWidth, 0, 2 * Math.PI);
  context.stroke();
}

function blobOf(strokes: readonly (readonly Point[])[]): Promise<Blob> {
  const canvas = new OffscreenCanvas(side, side);
  drawStrokes(canvas.getContext('2d')!, strokes, null);
  return canvas.convertToBlob({ type: 'image/png' });
}
