import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { grabFrame } from '../collect/camera.ts';
import { CameraView } from '../collect/camera-view.tsx';
import { droppedFiles, incomingFiles } from '../collect/incoming.ts';
import { SketchPad } from '../collect/sketch-pad.tsx';
import { Button } from '../ui/button.tsx';
import { DropZone } from '../ui/drop-zone.tsx';
import { FileButton } from '../ui/file-button.tsx';
import type { IconName } from '../ui/icon.tsx';
import { Thumbnail } from '../ui/thumbnail.tsx';
import { sayProblem } from '../ui/toast.tsx';
import type { Frame } from './answerer.ts';

const sources = [
  { id: 'camera', name: 'Webcam', icon: 'camera' },
  { id: 'file', name: 'Image', icon: 'file' },
  { id: 'sketch', name: 'Sketch', icon: 'draw' },
] as const satisfies readonly { id: string; name: string; icon: IconName }[];

interface FrameInputProps {
  /** Takes the next frame; the camera's next one comes when this is done. */
  onFrame(frame: Frame): Promise<void>;
  /** Called where there is nothing to look at any more. */
  onNothing(): void;
}

/** Images to look at: what a camera sees, all the time; a file, dropped, chosen or pasted; a drawing, after each stroke. */
export function FrameInput({ onFrame, onNothing }: FrameInputProps) {
  const source = useSignal<(typeof sources)[number]['id']>('file');
  const show = (id: (typeof sources)[number]['id']) => () => {
    source.value = id;
    onNothing();
  };
  return (
    <div class="frame-input">
      <fieldset class="sources" aria-label="Look at">
        {sources.map(({ id, name, icon }) => (
          <Button key={id} icon={icon} aria-pressed={source.value === id} onClick={show(id)}>
            {name}
          </Button>
        ))}
      </fieldset>
      {source.value === 'camera' && <LiveCamera onFrame={onFrame} />}
      {source.value === 'file' && <FileInput onFrame={onFrame} />}
      {source.value === 'sketch' && (
        <SketchPad onStroke={(drawing) => void (drawing === null ? onNothing() : onFrame(drawing))} />
      )}
    </div>
  );
}

/** Frame after frame, for as long as it is shown. */
function LiveCamera({ onFrame }: Pick<FrameInputProps, 'onFrame'>) {
  const latest = useRef(onFrame);
  latest.current = onFrame;
  const video = useRef<HTMLVideoElement | null>(null);
  const follow = async (shown: HTMLVideoElement) => {
    while (video.current === shown) {
      await latest.current(grabFrame(shown).transferToImageBitmap());
      await new Promise(requestAnimationFrame); // none comes while the tab is hidden
    }
  };
  return (
    <CameraView
      onVideo={(shown) => {
        video.current = shown;
        if (shown) follow(shown).catch(sayProblem);
      }}
    />
  );
}

function FileInput({ onFrame }: Pick<FrameInputProps, 'onFrame'>) {
  const shown = useSignal<Blob | null>(null);
  const look = (file: Blob) => {
    shown.value = file;
    void onFrame(file);
  };
  useEffect(() => {
    const onPaste = ({ clipboardData }: ClipboardEvent) => {
      const [file] = incomingFiles(clipboardData?.files ?? []);
      if (file) void file.read().then(look);
    };
    document.addEventListener('paste', onPaste);
    return () => document.removeEventListener('paste', onPaste);
  }, []);
  return (
    <DropZone
      class="file-input"
      label="An image to look at"
      onDrop={(data) => {
        droppedFiles(data).then(async ([file]) => file && look(await file.read()), sayProblem);
      }}
    >
      {shown.value === null ? (
        <p class="soft">Drop or paste an image here.</p>
      ) : (
        <Thumbnail key={shown.value} image={shown.value} alt="The image that is looked at" />
      )}
      <FileButton
        icon="file"
        name="Choose an image"
        accept="image/*"
        onFiles={([file]) => {
          if (file) look(file);
        }}
      />
    </DropZone>
  );
}
