import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { Button } from '../ui/button.tsx';
import { listCameras, openCamera } from './camera.ts';

/** What a camera sees, as in a mirror, with a choice where there are several. Its light goes out with the component. */
export function CameraView({ onVideo }: { onVideo(video: HTMLVideoElement | null): void }) {
  const video = useRef<HTMLVideoElement>(null);
  const chosen = useSignal<string | null>(null);
  const attempt = useSignal(0);
  const cameras = useSignal<readonly MediaDeviceInfo[]>([]);
  const problem = useSignal<string | null>(null);
  useEffect(() => {
    let stream: MediaStream | null = null;
    let isGone = false;
    const stop = (opened: MediaStream) => {
      for (const track of opened.getTracks()) track.stop();
    };
    const open = async () => {
      problem.value = null;
      const opened = await openCamera(chosen.value);
      if (isGone || !video.current) return stop(opened);
      stream = opened;
      video.current.srcObject = opened;
      await video.current.play();
      cameras.value = await listCameras();
      if (!isGone) onVideo(video.current);
    };
    open().catch((error: unknown) => {
      if (!isGone) problem.value = error instanceof Error ? error.message : String(error);
    });
    return () => {
      isGone = true;
      onVideo(null);
      if (stream) stop(stream);
    };
  }, [chosen.value, attempt.value]);
  if (problem.value !== null) {
    return (
      <div class="camera-problem" role="alert">
        <p>{problem.value}</p>
        <Button onClick={() => attempt.value++}>Try again</Button>
      </div>
    );
  }
  return (
    <div class="camera">
      <video ref={video} class="camera-video" muted playsInline aria-label="What the camera sees" />
      {cameras.value.length > 1 && (
        <label>
          <span class="unseen">Camera</span>
          <select
            value={chosen.value ?? ''}
            onChange={({ currentTarget }) => {
              chosen.value = currentTarget.value;
            }}
          >
            {chosen.value === null && <option value="">This camera</option>}
            {cameras.value.map(({ deviceId, label }, index) => (
              <option key={deviceId} value={deviceId}>
                {label || `Camera ${index + 1}`}
              </option>
            ))}
          </select>
        </label>
      )}
    </div>
  );
}
