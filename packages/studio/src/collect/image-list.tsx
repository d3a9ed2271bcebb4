import { signal, useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { CollectedImage } from '../collection/collection.ts';
import { collection } from '../collection/page-collection.ts';
import { Button } from '../ui/button.tsx';
import { plural } from '../ui/format.ts';
import { Thumbnail } from '../ui/thumbnail.tsx';
import { say } from '../ui/toast.tsx';

/** The type of what is dragged from one class to another. */
export const dragType = 'application/x-graft-images';

const selection = signal<ReadonlySet<string>>(new Set());

/** The images that are chosen, of whichever class. */
export function selectedImages(): ReadonlySet<string> {
  return selection.value;
}

/** Moves the chosen images to a class, with the choice. */
export function moveSelected(to: string): void {
  const moved = selection.peek();
  const target = collection.classes.find(({ id }) => id === to);
  if (!target || moved.size === 0) return;
  collection.moveImages(moved, to);
  selection.value = new Set();
  say({ text: `${plural(moved.size, 'image')} moved to ${target.name}.` });
}

export function deleteImages(ids: ReadonlySet<string>): void {
  if (ids.size === 0) return;
  collection.removeImages(ids);
  selection.value = new Set();
  sayDeleted(plural(ids.size, 'image'));
}

/** Says what was deleted, with the way back. */
export function sayDeleted(what: string): void {
  say({ text: `${what} deleted.`, action: { name: 'Undo', run: () => collection.undo() } });
}

/** Images that are shown before one asks for all. */
const few = 60;

/**
 * The images of a class, the newest first: a click, or Space, chooses one; arrow keys go from one to the next; Delete
 * deletes; Ctrl+A chooses all; dragging takes the chosen ones to another class.
 */
export function ImageList({
  classId,
  images,
  label,
}: {
  classId: string;
  images: readonly CollectedImage[];
  label: string;
}) {
  const list = useRef<HTMLDivElement>(null);
  const cursor = useSignal(0);
  const showsAll = useSignal(false);
  const hasMoved = useRef(false);
  const newest = images.toReversed();
  const shown = showsAll.value ? newest : newest.slice(0, few);
  const at = Math.min(cursor.value, shown.length - 1);
  const chosen = selection.value;
  const own = images.filter(({ id }) => chosen.has(id)).length;
  useEffect(() => {
    if (hasMoved.current) focusItem(list.current, at);
    hasMoved.current = false;
  });
  const toggle = (id: string) => {
    const next = new Set(images.flatMap((image) => (chosen.has(image.id) ? [image.id] : [])));
    if (!next.delete(id)) next.add(id);
    selection.value = next;
  };
  const deleteFrom = (id: string) => {
    hasMoved.current = true;
    deleteImages(
      own > 0 ? new Set(images.flatMap((image) => (chosen.has(image.id) ? [image.id] : []))) : new Set([id]),
    );
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const image = shown[at];
    if (!image) return;
    const columns = columnsOf(list.current);
    const to = {
      ArrowLeft: at - 1,
      ArrowRight: at + 1,
      ArrowUp: at - columns,
      ArrowDown: at + columns,
      Home: 0,
      End: shown.length - 1,
    }[event.key];
    if (to !== undefined) {
      if (to >= 0 && to < shown.length) {
        cursor.value = to;
        focusItem(list.current, to);
      }
    } else if (event.key === ' ') toggle(image.id);
    else if (event.key === 'Delete' || event.key === 'Backspace') deleteFrom(image.id);
    else if (event.key === 'Escape') selection.value = new Set();
    else if (event.key === 'a' && (event.ctrlKey || event.metaKey)) {
      selection.value = new Set(images.map(({ id }) => id));
    } else return;
    event.preventDefault();
  };
  if (images.length === 0) return null;
  return (
    <>
      <div
        ref={list}
        class="images"
        role="listbox"
        aria-multiselectable="true"
        aria-label={label}
        onKeyDown={onKeyDown}
      >
        {shown.map((image, index) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the list has the keys
          <div
            key={image.id}
            role="option"
            aria-selected={chosen.has(image.id)}
            aria-label={image.name}
            title={image.name}
            tabIndex={index === at ? 0 : -1}
            draggable
            onClick={() => {
              cursor.value = index;
              toggle(image.id);
            }}
            onDragStart={(event) => {
              if (!chosen.has(image.id)) selection.value = new Set([image.id]);
              event.dataTransfer?.setData(dragType, classId);
            }}
          >
            <Thumbnail image={image.file} alt="" />
          </div>
        ))}
      </div>
      {newest.length > few && (
        <Button
          kind="quiet"
          onClick={() => {
            showsAll.value = !showsAll.value;
          }}
        >
          {showsAll.value ? `Show the newest ${few}` : `Show all ${newest.length}`}
        </Button>
      )}
      {own > 0 && <SelectionBar classId={classId} chosen={own} />}
    </>
  );
}

/** What can be done with the chosen images of a class. */
function SelectionBar({ classId, chosen }: { classId: string; chosen: number }) {
  const others = collection.classes.filter(({ id }) => id !== classId);
  return (
    <fieldset class="selection row">
      <legend>{plural(chosen, 'image')} chosen</legend>
      {others.length > 0 && (
        <select
          aria-label="Move the chosen images to a class"
          value=""
          onChange={({ currentTarget }) => moveSelected(currentTarget.value)}
        >
          <option value="">Move to …</option>
          {others.map(({ id, name }) => (
            <option key={id} value={id}>
              {name}
            </option>
          ))}
        </select>
      )}
      <Button icon="remove" onClick={() => deleteImages(selection.peek())}>
        Delete
      </Button>
      <Button
        kind="quiet"
        onClick={() => {
          selection.value = new Set();
        }}
      >
        Choose none
      </Button>
    </fieldset>
  );
}

function columnsOf(list: HTMLElement | null): number {
  if (!list) return 1;
  const items = [...list.children].filter((item) => item instanceof HTMLElement);
  const firstTop = items[0]?.offsetTop;
  const inFirstRow = items.findIndex((item) => item.offsetTop !== firstTop);
  return inFirstRow < 0 ? items.length : inFirstRow;
}

function focusItem(list: HTMLElement | null, index: number): void {
  const item = list?.children[index];
  if (item instanceof HTMLElement) item.focus();
}
