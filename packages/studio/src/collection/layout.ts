import { classNameFrom, isImageName, isPartName } from './names.ts';

/** A file below a folder or in an archive, by its path there. */
export interface FoundFile {
  readonly path: string;
}

/** Files by the class that their folder says. */
export interface Layout<F extends FoundFile> {
  /** In the order in which the classes come. */
  readonly classes: ReadonlyMap<string, readonly F[]>;
  /** Images that lie in no folder. */
  readonly loose: readonly F[];
  /** Files that are no images by their names, those that systems leave about not counted. */
  readonly others: readonly F[];
}

/**
 * Divides files in image-folder form: the class of an image is the folder that it lies in, at any depth. So it makes no
 * difference whether the folder of all classes was packed too, or its parts (`train/cats/1.jpg`).
 */
export function layoutOf<F extends FoundFile>(files: readonly F[]): Layout<F> {
  const classes = new Map<string, F[]>();
  const [loose, others]: [F[], F[]] = [[], []];
  for (const file of files) {
    const parts = partsOf(file.path);
    if (isClutter(parts)) continue;
    const folder = parts.at(-2);
    if (!isImageName(parts.at(-1)!)) others.push(file);
    else if (folder === undefined || (isPartName(folder) && parts.length === 2)) loose.push(file);
    else {
      const name = classNameFrom(folder);
      const same = [...classes.keys()].find((each) => each.toLowerCase() === name.toLowerCase()) ?? name;
      classes.set(same, [...(classes.get(same) ?? []), file]);
    }
  }
  return { classes, loose, others };
}

/** The names on the way to a file. Where they would lead is not looked at: only the last two are used, as names. */
function partsOf(path: string): string[] {
  const parts = path.split(/[/\\]/).filter((part) => part !== '' && part !== '.' && part !== '..');
  return parts.length > 0 ? parts : [''];
}

/** What macOS and Windows leave beside images. */
function isClutter(parts: readonly string[]): boolean {
  return (
    parts.some((part) => part.startsWith('.') || part === '__MACOSX') ||
    /^(thumbs\.db|desktop\.ini)$/i.test(parts.at(-1)!)
  );
}
