import { UserError } from '@graft-ml/core/internal/base/errors';
import { privateRuns } from '@graft-ml/web/internal/runs/private-runs';
import { effect } from '@preact/signals';
import type { Collection, ImageClass } from './collection.ts';

/** Where a collection is kept: here, in another tab that has it open, or not at all, for want of a file system. */
export type Keeping = 'kept' | 'elsewhere' | 'nowhere';

const folder = 'collection';
const listName = 'collection.json';

/** What the list of the collection has of each class: its images are files beside it, named by their ids. */
interface StoredClass {
  readonly id: string;
  readonly name: string;
  readonly images: readonly { readonly id: string; readonly name: string; readonly type: string }[];
}

/**
 * Fills a collection with what this browser's private file system has of it, and keeps it there from now on: images as
 * files, and a list that is replaced in one step after they are written. One tab keeps it at a time.
 *
 * @param onProblem called where something could not be kept; it is tried again with the next change
 */
export async function keepCollection(collection: Collection, onProblem: (error: unknown) => void): Promise<Keeping> {
  if (!navigator.storage?.getDirectory) return 'nowhere';
  const isAlone = await takeLock('graft collection');
  const stored = await readStored().catch((error: unknown) => {
    onProblem(error);
    return null; // its images stay until the next time
  });
  if (stored !== null && stored.length > 0) collection.replaceAll(stored);
  if (!isAlone) return 'elsewhere';
  const images = new Set(stored?.flatMap((each) => each.images.map(({ id }) => id)));
  if (stored !== null) await removeOthers(images);
  let last = collection.classes;
  let isWriting = false;
  const write = async () => {
    if (isWriting) return;
    isWriting = true;
    try {
      while (last !== collection.classes) {
        const next = collection.classes;
        await writeStored(next, images);
        last = next;
      }
    } catch (error) {
      onProblem(error);
    }
    isWriting = false;
  };
  effect(() => {
    if (collection.classes !== last) void write();
  });
  return 'kept';
}

const files = () => privateRuns()(folder);

async function writeStored(classes: readonly ImageClass[], written: Set<string>): Promise<void> {
  const store = files();
  if (written.size === 0) {
    await store.make();
    void navigator.storage.persist?.(); // asks the browser not to clear it when space runs out
  }
  for (const { id, file } of classes.flatMap(({ images }) => images)) {
    if (written.has(id)) continue;
    await store.replace(id, new Uint8Array(await file.arrayBuffer()));
    written.add(id);
  }
  const list: StoredClass[] = classes.map(({ id, name, images }) => ({
    id,
    name,
    images: images.map((image) => ({ id: image.id, name: image.name, type: image.file.type })),
  }));
  await store.replace(listName, JSON.stringify({ version: 1, classes: list }));
}

async function readStored(): Promise<ImageClass[]> {
  const store = files();
  if (!(await store.names()).includes(listName)) return [];
  const list = parseList(new TextDecoder().decode(await store.read(listName)));
  const root = await (await navigator.storage.getDirectory()).getDirectoryHandle(folder);
  const there = new Set(await store.names());
  const fileOf = async (id: string, type: string) => {
    const file = await (await root.getFileHandle(id)).getFile();
    return file.slice(0, file.size, type); // stays on the disk until it is read
  };
  return Promise.all(
    list.map(async ({ id, name, images }) => {
      const kept = images.filter((image) => there.has(image.id));
      const read = kept.map(async (image) => ({
        id: image.id,
        name: image.name,
        file: await fileOf(image.id, image.type),
      }));
      return { id, name, images: await Promise.all(read) };
    }),
  );
}

/** @throws UserError where it is not such a list */
function parseList(text: string): readonly StoredClass[] {
  const isText = (value: unknown) => typeof value === 'string';
  const value: unknown = JSON.parse(text);
  if (isRecord(value) && value.version === 1 && Array.isArray(value.classes) && value.classes.every(isStoredClass)) {
    return value.classes;
  }
  throw new UserError('The list of the collection that this browser keeps is not one of this version of the page.');

  function isStoredClass(each: unknown): each is StoredClass {
    return (
      isRecord(each) && isText(each.id) && isText(each.name) && Array.isArray(each.images) && each.images.every(isImage)
    );
  }
  function isImage(each: unknown): boolean {
    return isRecord(each) && isText(each.id) && isText(each.name) && isText(each.type);
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

/** Images that were deleted stay until the page is opened again, so that deleting can be undone. */
async function removeOthers(images: ReadonlySet<string>): Promise<void> {
  const store = files();
  const names = await store.names();
  await Promise.all(names.filter((name) => name !== listName && !images.has(name)).map((name) => store.remove(name)));
}

/** Takes a lock for as long as this page lives. @returns whether no other page has it */
function takeLock(name: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const held = navigator.locks.request(name, { ifAvailable: true }, (lock) => {
      resolve(lock !== null);
      return lock === null ? undefined : new Promise<never>(() => {});
    });
    held.catch(reject);
  });
}
