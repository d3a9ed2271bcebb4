import { signal } from '@preact/signals';
import type { Collection, NewImage } from '../collection/collection.ts';
import { layoutOf } from '../collection/layout.ts';
import { isImageName } from '../collection/names.ts';
import { plural } from '../ui/format.ts';
import { say, sayProblem } from '../ui/toast.tsx';
import { examine } from './examine.ts';
import { type Incoming, unpacked } from './incoming.ts';

/** How many images are decoded ahead of those that are added. */
const ahead = 8;
/** Images that are added in one step, so that the page is not drawn again for each. */
const batch = 25;

const state = signal<{ readonly done: number; readonly total: number } | null>(null);

/** How far files are that are being added; null where none are. */
export function intake(): { readonly done: number; readonly total: number } | null {
  return state.value;
}

/** A file that was left out, and why. */
interface LeftOut {
  readonly name: string;
  readonly reason: string;
}

/**
 * Adds files to a class, or without one to classes by the folders that they lie in. Archives are unpacked, every image is
 * decoded once, and what cannot be used is said with its reason.
 *
 * @param into the id of a class
 */
export async function takeIn(collection: Collection, files: Promise<Incoming[]>, into: string | null): Promise<void> {
  try {
    const all = await unpacked(await files);
    const { images, others } = into === null ? byFolder(all) : { images: new Map([[into, all]]), others: [] };
    state.value = { done: 0, total: [...images.values()].reduce((sum, each) => sum + each.length, 0) };
    const leftOut: LeftOut[] = others.map(({ path }) => ({ name: path, reason: 'it is not an image' }));
    const names: string[] = [];
    let added = 0;
    for (const [target, each] of images) {
      const { id, name } =
        into === null ? classNamed(collection, target) : collection.classes.find((one) => one.id === into)!;
      names.push(name);
      for await (const usable of examined(each, leftOut)) {
        collection.addImages(id, usable);
        added += usable.length;
      }
    }
    report(added, names, leftOut);
  } catch (error) {
    sayProblem(error);
  } finally {
    state.value = null;
  }
}

/** Files by the names of their classes; images in no folder make a class of their own. */
function byFolder(files: readonly Incoming[]): {
  images: Map<string, readonly Incoming[]>;
  others: readonly Incoming[];
} {
  const { classes, loose, others } = layoutOf(files);
  const images = new Map(classes);
  if (loose.length > 0) images.set('', loose);
  return { images, others };
}

function classNamed(collection: Collection, name: string): { readonly id: string; readonly name: string } {
  if (name === '') return collection.addClass();
  const same = collection.classes.find((each) => each.name.toLowerCase() === name.toLowerCase());
  return same ?? collection.addClass(name);
}

/** The images that can be used, in their order, in batches. */
async function* examined(files: readonly Incoming[], leftOut: LeftOut[]): AsyncGenerator<NewImage[]> {
  const waiting = files.slice(0, ahead).map(examinedOne);
  let usable: NewImage[] = [];
  for (let i = 0; i < files.length; i++) {
    const result = await waiting.shift()!;
    if (i + ahead < files.length) waiting.push(examinedOne(files[i + ahead]!));
    if ('reason' in result) leftOut.push(result);
    else usable.push(result);
    const last = state.peek();
    if (last) state.value = { ...last, done: last.done + 1 };
    if (usable.length < batch && i < files.length - 1) continue;
    if (usable.length > 0) yield usable;
    usable = [];
  }
}

async function examinedOne({ path, read }: Incoming): Promise<NewImage | LeftOut> {
  const name = path.split(/[/\\]/).at(-1) ?? path;
  try {
    const file = await read();
    if (!isImageName(name) && !file.type.startsWith('image/')) return { name, reason: 'it is not an image' };
    const { type, problem } = await examine(name, file);
    return problem === null ? { name, file: file.slice(0, file.size, type) } : { name, reason: problem };
  } catch (error) {
    return { name, reason: error instanceof Error ? error.message : String(error) };
  }
}

/** Left-out files that are named. */
const named = 3;

function report(added: number, names: readonly string[], leftOut: readonly LeftOut[]): void {
  const where = names.length === 1 ? names[0] : `${names.length} classes`;
  const sentences = [added === 0 ? 'No images were added.' : `${plural(added, 'image')} added to ${where}.`];
  if (leftOut.length > 0) {
    const more = leftOut.length > named ? `; and ${leftOut.length - named} more` : '';
    const list = leftOut.slice(0, named).map(({ name, reason }) => `${name}: ${reason}`);
    sentences.push(`${plural(leftOut.length, 'file')} left out. ${list.join('; ')}${more}.`);
  }
  say({ text: sentences.join('\n'), kind: leftOut.length > 0 ? 'problem' : 'note' });
}
