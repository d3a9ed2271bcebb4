import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { NewImage } from '../collection/collection.ts';
import { Button } from '../ui/button.tsx';
import { grabFrame } from './camera.ts';
import { CameraView } from './camera-view.tsx';

/** Between two frames, in milliseconds: neighbours that are nearer are nearly the same image. */
const pause = 125;

/** The camera with a button that records while it is held, by pointer, Space or Enter; a click takes one image. */
export function Recorder({ onImage }: { onImage(image: NewImage): void }) {
  const video = useRef<HTMLVideoElement | null>(null);
  const isReady = useSignal(false);
  const taken = useSignal<number | null>(null);
  const timer = useRef<ReturnType<typeof setInterval> | undefined>(undefined);
  const take = async () => {
    if (!video.current) return;
    taken.value = (taken.value ?? 0) + 1;
    const file = await grabFrame(video.current).convertToBlob({ type: 'image/jpeg', quality: 0.92 });
    onImage({ name: 'webcam.jpg', file });
  };
  const start = () => {
    if (!video.current || timer.current !== undefined) return;
    taken.value = 0;
    void take();
    timer.current = setInterval(take, pause);
  };
  const stop = () => {
    clearInterval(timer.current);
    timer.current = undefined;
    taken.value = null;
  };
  useEffect(() => stop, []);
  const isKey = ({ key }: KeyboardEvent) => key === ' ' || key === 'Enter';
  return (
    <div class="panel">
      <CameraView
        onVideo={(ready) => {
          video.current = ready;
          isReady.value = ready !== null;
          if (ready === null) stop();
        }}
      />
      <Button
        kind="primary"
        class={taken.value === null ? 'record' : 'record recording'}
        disabled={!isReady.value}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          start();
        }}
        onPointerUp={stop}
        onPointerCancel={stop}
        onContextMenu={(event) => event.preventDefault()}
        onBlur={stop}
        onKeyDown={(event) => {
          if (!isKey(event)) return;
          event.preventDefault();
          start();
        }}
        onKeyUp={(event) => {
          if (isKey(event)) stop();
        }}
      >
        {taken.value === null ? 'Hold to record' : `Recording: ${taken.value}`}
      </Button>
    </div>
  );
}
