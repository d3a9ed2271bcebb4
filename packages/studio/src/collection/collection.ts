import { UserError } from '@graft-ml/core/internal/base/errors';
import { signal } from '@preact/signals';
import { classNameProblem, imageFileName, uniqueName } from './names.ts';

/** An image of a class: its file as it came, under a name that is unique in its class. */
export interface CollectedImage {
  readonly id: string;
  readonly name: string;
  readonly file: Blob;
}

export interface ImageClass {
  readonly id: string;
  readonly name: string;
  readonly images: readonly CollectedImage[];
}

/** An image on its way into a class. */
export interface NewImage {
  readonly name: string;
  readonly file: Blob;
}

/** Bounds on a collection, which a page can hold and a person can look through. */
export const collectionBounds = { classes: 200, images: 20_000 } as const;

/** Deletions that can be undone. */
const mostDeletions = 50;

export type Collection = ReturnType<typeof createCollection>;

/**
 * Classes with their images. Reading `classes` in a component draws it again when they change; every state is a value of
 * its own, which never changes.
 */
export function createCollection() {
  const state = signal<readonly ImageClass[]>([]);
  /** What brings back what was deleted, the latest last. */
  const deletions = signal<readonly Deletion[]>([]);

  const update = (id: string, change: (each: ImageClass) => ImageClass) => {
    state.value = state.peek().map((each) => (each.id === id ? change(each) : each));
  };
  const find = (id: string): ImageClass => {
    const found = state.peek().find((each) => each.id === id);
    if (!found) throw new UserError('This class is no longer there.');
    return found;
  };
  const remember = (deletion: Deletion) => {
    deletions.value = [...deletions.peek(), deletion].slice(-mostDeletions);
  };
  const assertRoomFor = (count: number) => {
    const there = state.peek().reduce((sum, { images }) => sum + images.length, 0);
    if (there + count <= collectionBounds.images) return;
    throw new UserError(`A collection here has at most ${collectionBounds.images} images. Larger ones: graft train.`);
  };

  return {
    get classes() {
      return state.value;
    },
    /** The last thing deleted, in a few words; null where there is nothing to undo. */
    get lastDeletion(): string | null {
      return deletions.value.at(-1)?.what ?? null;
    },
    /** Puts a whole state in place of what is there: from the store, or after everything was deleted. */
    replaceAll(classes: readonly ImageClass[]) {
      state.value = classes;
      deletions.value = [];
    },
    /** Adds a class at the end. @throws UserError where its name cannot be one */
    addClass(name = freeName(state.peek())): ImageClass {
      const classes = state.peek();
      if (classes.length >= collectionBounds.classes) {
        throw new UserError(`A collection here has at most ${collectionBounds.classes} classes.`);
      }
      assertName(name, classes);
      const added: ImageClass = { id: crypto.randomUUID(), name: name.trim().normalize(), images: [] };
      state.value = [...classes, added];
      return added;
    },
    /** @throws UserError where the name cannot be one */
    renameClass(id: string, name: string) {
      assertName(
        name,
        state.peek().filter((each) => each.id !== id),
      );
      update(id, (each) => ({ ...each, name: name.trim().normalize() }));
    },
    removeClass(id: string) {
      const removed = find(id);
      remember(deletionOf(state.peek(), removed.name, (each) => each.id === id));
      state.value = state.peek().filter((each) => each.id !== id);
    },
    removeAll() {
      remember(deletionOf(state.peek(), 'the collection', () => true));
      state.value = [];
    },
    /** Adds images to a class, under names of their own. @throws UserError where they are too many */
    addImages(id: string, added: readonly NewImage[]) {
      assertRoomFor(added.length);
      const { images } = find(id);
      const taken = new Set(images.map(({ name }) => name.toLowerCase()));
      const named = added.map(({ name, file }) => {
        const unique = uniqueName(imageFileName(name, file.type), taken);
        taken.add(unique.toLowerCase());
        return { id: crypto.randomUUID(), name: unique, file };
      });
      update(id, (each) => ({ ...each, images: [...each.images, ...named] }));
    },
    removeImages(ids: ReadonlySet<string>) {
      const what = ids.size === 1 ? 'an image' : `${ids.size} images`;
      remember(deletionOf(state.peek(), what, undefined, ids));
      state.value = state.peek().map((each) => withoutImages(each, ids));
    },
    /** Moves images to the end of a class. */
    moveImages(ids: ReadonlySet<string>, to: string) {
      const target = find(to);
      const moved = state
        .peek()
        .filter((each) => each !== target)
        .flatMap(({ images }) => images.filter((image) => ids.has(image.id)));
      const taken = new Set(target.images.map(({ name }) => name.toLowerCase()));
      const renamed = moved.map((image) => {
        const name = uniqueName(image.name, taken);
        taken.add(name.toLowerCase());
        return { ...image, name };
      });
      state.value = state
        .peek()
        .map((each) =>
          each === target ? { ...each, images: [...each.images, ...renamed] } : withoutImages(each, ids),
        );
    },
    /** Brings back what was deleted last, where it was. */
    undo() {
      const deletion = deletions.peek().at(-1);
      if (!deletion) return;
      deletions.value = deletions.peek().slice(0, -1);
      state.value = restored(state.peek(), deletion.removed);
    },
  };
}

interface Deletion {
  readonly what: string;
  readonly removed: readonly Removed[];
}

/** What a deletion took of one class: the class with those images, and where it and they stood. */
interface Removed {
  readonly class: ImageClass;
  readonly at: number;
  readonly places: readonly number[];
  /** Whether the class itself was deleted. */
  readonly isWhole: boolean;
}

function deletionOf(
  classes: readonly ImageClass[],
  what: string,
  isRemoved: (each: ImageClass) => boolean = () => false,
  ids: ReadonlySet<string> = new Set(),
): Deletion {
  const removed = classes.flatMap((each, at): Removed[] => {
    const isWhole = isRemoved(each);
    const places = each.images.flatMap(({ id }, place) => (isWhole || ids.has(id) ? [place] : []));
    if (!isWhole && places.length === 0) return [];
    return [{ class: { ...each, images: places.map((place) => each.images[place]!) }, at, places, isWhole }];
  });
  return { what, removed };
}

function restored(classes: readonly ImageClass[], removed: readonly Removed[]): readonly ImageClass[] {
  const result = [...classes];
  for (const { class: gone, at, places } of removed) {
    const index = result.findIndex(({ id }) => id === gone.id);
    if (index < 0) {
      const names = result.map(({ name }) => name.toLowerCase());
      result.splice(at, 0, { ...gone, name: uniqueName(gone.name, new Set(names)) });
      continue;
    }
    const images = [...result[index]!.images];
    for (const [i, place] of places.entries()) {
      const taken = new Set(images.map(({ name }) => name.toLowerCase()));
      const image = gone.images[i]!;
      images.splice(place, 0, { ...image, name: uniqueName(image.name, taken) });
    }
    result[index] = { ...result[index]!, images };
  }
  return result;
}

function withoutImages(from: ImageClass, ids: ReadonlySet<string>): ImageClass {
  const images = from.images.filter(({ id }) => !ids.has(id));
  return images.length === from.images.length ? from : { ...from, images };
}

function assertName(name: string, others: readonly ImageClass[]): void {
  const problem = classNameProblem(
    name,
    others.map((each) => each.name),
  );
  if (problem !== null) throw new UserError(problem);
}

function freeName(classes: readonly ImageClass[]): string {
  const taken = new Set(classes.map(({ name }) => name.toLowerCase()));
  let number = classes.length + 1;
  while (taken.has(`class ${number}`)) number++;
  return `Class ${number}`;
}
