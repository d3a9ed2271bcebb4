import { signal, useSignal } from '@preact/signals';
import type { ImageClass, NewImage } from '../collection/collection.ts';
import { collection } from '../collection/page-collection.ts';
import { Button } from '../ui/button.tsx';
import { DropZone } from '../ui/drop-zone.tsx';
import { FileButton } from '../ui/file-button.tsx';
import { plural } from '../ui/format.ts';
import { sayProblem } from '../ui/toast.tsx';
import { dragType, ImageList, moveSelected, sayDeleted } from './image-list.tsx';
import { droppedFiles, incomingFiles } from './incoming.ts';
import { takeIn } from './intake.ts';
import { Recorder } from './recorder.tsx';
import { SketchPad } from './sketch-pad.tsx';

type Source = 'camera' | 'sketch';

/** The class that takes images from the camera or the sketch pad: one at a time. */
const open = signal<{ readonly classId: string; readonly source: Source } | null>(null);
const lastUsed = signal<string | null>(null);

/** The class that pasted images go to: the one that took images last, else the last one. */
export function pasteTarget(): string | null {
  const { classes } = collection;
  return (classes.find(({ id }) => id === lastUsed.value) ?? classes.at(-1))?.id ?? null;
}

/** Opens the camera or the sketch pad of a class. */
export function openSource(classId: string, source: Source): void {
  open.value = { classId, source };
  lastUsed.value = classId;
}

/** Eight colours for classes, by their place; they only help to tell neighbours apart. */
export function classColour(index: number): string {
  return `var(--class-${(index % 8) + 1})`;
}

/** A class: its name, the ways to get images into it, and its images. */
export function ClassCard({ class: { id, name, images }, index }: { class: ImageClass; index: number }) {
  const source = open.value?.classId === id ? open.value.source : null;
  const add = (image: NewImage) => {
    lastUsed.value = id;
    try {
      collection.addImages(id, [image]);
    } catch (error) {
      sayProblem(error);
    }
  };
  const toggle = (which: Source) => () => {
    if (source === which) open.value = null;
    else openSource(id, which);
  };
  return (
    <DropZone
      class="card class-card"
      label={name}
      accepts={(types) => types.includes('Files') || types.includes(dragType)}
      onDrop={(data) => {
        lastUsed.value = id;
        if (data.types.includes(dragType)) {
          if (data.getData(dragType) !== id) moveSelected(id);
        } else void takeIn(collection, droppedFiles(data), id);
      }}
    >
      <header style={{ '--class': classColour(index) }}>
        <ClassName id={id} name={name} />
        <span class="soft count">{plural(images.length, 'image')}</span>
        <Button
          kind="quiet"
          icon="remove"
          label={`Delete ${name}`}
          onClick={() => {
            collection.removeClass(id);
            sayDeleted(`${name} with ${plural(images.length, 'image')}`);
          }}
        />
      </header>
      <div class="sources">
        <Button icon="camera" aria-expanded={source === 'camera'} onClick={toggle('camera')}>
          Webcam
        </Button>
        <Button icon="draw" aria-expanded={source === 'sketch'} onClick={toggle('sketch')}>
          Draw
        </Button>
        <FileButton
          icon="file"
          name="Files"
          accept="image/*,.zip"
          onFiles={(files) => {
            lastUsed.value = id;
            void takeIn(collection, Promise.resolve(incomingFiles(files)), id);
          }}
        />
      </div>
      {source === 'camera' && <Recorder onImage={add} />}
      {source === 'sketch' && (
        <SketchPad done={{ name: 'Add the drawing', take: (file) => add({ name: 'drawing.png', file }) }} />
      )}
      {images.length === 0 && source === null && <p class="soft empty">Drop images or a folder here.</p>}
      <ImageList classId={id} images={images} label={`Images of ${name}`} />
    </DropZone>
  );
}

/** The name, to be written over. What cannot be a name is said, and the old one stays. */
function ClassName({ id, name }: { id: string; name: string }) {
  const draft = useSignal<string | null>(null);
  const commit = () => {
    const next = draft.value;
    draft.value = null;
    if (next === null || next.trim() === name) return;
    try {
      collection.renameClass(id, next);
    } catch (error) {
      sayProblem(error);
    }
  };
  return (
    <input
      type="text"
      class="class-name"
      aria-label="Name of the class"
      value={draft.value ?? name}
      spellcheck={false}
      autocomplete="off"
      onFocus={({ currentTarget }) => currentTarget.select()}
      onInput={({ currentTarget }) => {
        draft.value = currentTarget.value;
      }}
      onBlur={commit}
      onKeyDown={(event) => {
        if (event.key === 'Escape') draft.value = null;
        if (event.key === 'Enter' || event.key === 'Escape') event.currentTarget.blur();
      }}
    />
  );
}
