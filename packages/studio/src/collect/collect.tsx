import './collect.css';
import { signal, useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { collection, keeping } from '../collection/page-collection.ts';
import { packCollection } from '../collection/zip.ts';
import { Button } from '../ui/button.tsx';
import { download } from '../ui/download.ts';
import { DropZone } from '../ui/drop-zone.tsx';
import { FileButton } from '../ui/file-button.tsx';
import { plural } from '../ui/format.ts';
import { Icon, type IconName } from '../ui/icon.tsx';
import { Progress } from '../ui/progress.tsx';
import { goTo } from '../ui/route.ts';
import { say, sayProblem } from '../ui/toast.tsx';
import { ClassCard, openSource, pasteTarget } from './class-card.tsx';
import { sayDeleted } from './image-list.tsx';
import { droppedFiles, type Incoming, incomingFiles } from './incoming.ts';
import { intake, takeIn } from './intake.ts';
import { SamplesDialog } from './samples-dialog.tsx';

const samplesAreOpen = signal(false);
const openAsClasses = (files: Promise<Incoming[]>) => void takeIn(collection, files, null);

/** The first step: classes with their images, side by side. */
export function CollectRoom() {
  useEffect(listenToPage, []);
  const { classes } = collection;
  const progress = intake();
  return (
    <DropZone class="collect" label="Classes" onDrop={(data) => openAsClasses(droppedFiles(data))}>
      <p class="soft">Give every class a name and some images: five can be enough, twenty are better.</p>
      <Toolbar />
      <KeepingNote />
      {progress && <Progress label={`Adding images: ${progress.done} of ${progress.total}`} {...progress} />}
      {keeping() !== 'opening' && classes.length === 0 && <Beginnings />}
      {classes.length > 0 && (
        <>
          <div class="classes">
            {classes.map((each, index) => (
              <ClassCard key={each.id} class={each} index={index} />
            ))}
            <Button class="add-class" icon="add" onClick={() => addClass()}>
              Add a class
            </Button>
          </div>
          <Onward />
        </>
      )}
      <SamplesDialog
        isOpen={samplesAreOpen.value}
        onClose={() => {
          samplesAreOpen.value = false;
        }}
      />
    </DropZone>
  );
}

function addClass(): string | null {
  try {
    return collection.addClass().id;
  } catch (error) {
    sayProblem(error);
    return null;
  }
}

/** Pasting images, and undoing a deletion, wherever the focus is but in a field of text. */
function listenToPage(): () => void {
  const onPaste = ({ clipboardData }: ClipboardEvent) => {
    const files = incomingFiles(clipboardData?.files ?? []);
    if (files.length > 0) void takeIn(collection, Promise.resolve(files), pasteTarget());
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const isUndo = event.key === 'z' && (event.ctrlKey || event.metaKey) && !event.shiftKey;
    if (!isUndo || event.target instanceof HTMLInputElement || collection.lastDeletion === null) return;
    event.preventDefault();
    undo();
  };
  document.addEventListener('paste', onPaste);
  document.addEventListener('keydown', onKeyDown);
  return () => {
    document.removeEventListener('paste', onPaste);
    document.removeEventListener('keydown', onKeyDown);
  };
}

function undo(): void {
  const what = collection.lastDeletion;
  if (what === null) return;
  collection.undo();
  say({ text: `Back again: ${what}.` });
}

function Toolbar() {
  const isPacking = useSignal(false);
  const save = async () => {
    isPacking.value = true;
    try {
      download(await packCollection(collection.classes), 'collection.zip');
    } catch (error) {
      sayProblem(error);
    } finally {
      isPacking.value = false;
    }
  };
  const isEmpty = collection.classes.length === 0;
  return (
    <div class="toolbar row">
      <Button
        icon="samples"
        onClick={() => {
          samplesAreOpen.value = true;
        }}
      >
        Sample sets
      </Button>
      <FileButton
        icon="open"
        name="Open ZIP"
        accept=".zip,application/zip"
        onFiles={(files) => openAsClasses(Promise.resolve(incomingFiles(files)))}
      />
      <FileButton
        icon="folder"
        name="Open folder"
        isFolder
        onFiles={(files) => openAsClasses(Promise.resolve(incomingFiles(files)))}
      />
      <Button icon="save" disabled={isEmpty || isPacking.value} onClick={save}>
        Save as ZIP
      </Button>
      <Button icon="undo" disabled={collection.lastDeletion === null} onClick={undo}>
        Undo deletion
      </Button>
      <Button
        kind="quiet"
        icon="remove"
        disabled={isEmpty}
        onClick={() => {
          collection.removeAll();
          sayDeleted('The whole collection is');
        }}
      >
        Delete all
      </Button>
    </div>
  );
}

/** Says where the collection is not kept. */
function KeepingNote() {
  const where = keeping();
  if (where === 'elsewhere') {
    return (
      <p class="keeping-note">
        The studio is open in another tab, which keeps the collection. Changes here are not kept.
      </p>
    );
  }
  if (where === 'nowhere') {
    return (
      <p class="keeping-note">
        This browser keeps nothing for this page. Save the collection as a ZIP before you close it.
      </p>
    );
  }
  return null;
}

/** Ways to begin, while there is no class. */
function Beginnings() {
  const begin = (source: 'camera' | 'sketch') => () => {
    const first = addClass();
    addClass();
    if (first !== null) openSource(first, source);
  };
  return (
    <div class="beginnings">
      <Beginning
        icon="samples"
        title="Look around first"
        name="Take a sample set"
        onClick={() => {
          samplesAreOpen.value = true;
        }}
      >
        Handwritten digits or shapes, to see everything work in a minute.
      </Beginning>
      <Beginning icon="camera" title="Show it things" name="Use the webcam" onClick={begin('camera')}>
        Hold a button while you turn a mug before the camera. Then do the same with your keys.
      </Beginning>
      <Beginning icon="draw" title="Draw characters" name="Open the sketch pad" onClick={begin('sketch')}>
        Five drawings of each are enough for a start that has learned to learn characters.
      </Beginning>
      <Beginning
        icon="folder"
        title="Bring your images"
        name="Add classes"
        onClick={() => {
          addClass();
          addClass();
        }}
      >
        Drop a ZIP or a folder with a folder of images for each class anywhere on this page.
      </Beginning>
    </div>
  );
}

interface BeginningProps {
  readonly icon: IconName;
  readonly title: string;
  readonly name: string;
  readonly children: string;
  onClick(): void;
}

function Beginning({ icon, title, name, children, onClick }: BeginningProps) {
  return (
    <section class="card beginning">
      <Icon name={icon} />
      <h2>{title}</h2>
      <p class="soft">{children}</p>
      <Button onClick={onClick}>{name}</Button>
    </section>
  );
}

/** What there is, and whether one can train on it. */
function Onward() {
  const { classes } = collection;
  const filled = classes.filter(({ images }) => images.length > 0);
  const images = filled.reduce((sum, each) => sum + each.images.length, 0);
  const empty = classes.length - filled.length;
  return (
    <div class="onward row">
      <p>
        {plural(filled.length, 'class')} with {plural(images, 'image')}.{' '}
        {filled.length < 2
          ? 'To train, two classes need images.'
          : empty > 0
            ? `${plural(empty, 'class')} without images ${empty === 1 ? 'is' : 'are'} left out of training.`
            : ''}
      </p>
      <Button kind="primary" disabled={filled.length < 2} onClick={() => goTo('train')}>
        Train
        <Icon name="move" />
      </Button>
    </div>
  );
}
