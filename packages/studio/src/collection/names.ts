/** The longest name of a class or a file, in characters. Four bytes each fit what file systems take. */
const mostCharacters = 60;
/** What no file system, or not every one, takes in a name. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const forbidden = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff/\\:*?"<>|]/g;
const devices = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i;
/** `graft train` takes folders of these names for parts of a dataset (packages/graft-ml/src/data/folder-layout.ts). */
const partNames = new Set(
  ['train', 'training', 'trn', 'val', 'valid', 'validation', 'validate', 'dev', 'eval', 'evaluation'].concat([
    'test',
    'testing',
    'tst',
  ]),
);

/** Why a name cannot be that of a class beside others; null where it can. A class becomes a folder of that name. */
export function classNameProblem(given: string, others: readonly string[]): string | null {
  const name = given.trim().normalize();
  if (name === '') return 'A class needs a name.';
  if ([...name].length > mostCharacters) return `The name of a class has at most ${mostCharacters} characters.`;
  if (name.search(forbidden) >= 0) return 'The name of a class becomes a folder: leave out / \\ : * ? " < > | in it.';
  if (/^\.|\.$/.test(name)) return 'The name of a class becomes a folder: it cannot begin or end with a dot.';
  if (devices.test(name)) return `Windows has no folder of the name ${name}: choose another.`;
  if (isPartName(name)) return `graft train takes a folder ${name} for a part of the dataset: choose another name.`;
  const same = others.find((other) => other.toLowerCase() === name.toLowerCase());
  return same === undefined ? null : `There is a class ${same} already.`;
}

/** Whether a folder of that name is taken for a part of a dataset. */
export function isPartName(name: string): boolean {
  return partNames.has(name.toLowerCase());
}

/** A name from elsewhere, made into one that a class can have. */
export function classNameFrom(given: string): string {
  const name = cleaned(given);
  if (name === '') return 'Class';
  return isPartName(name) || devices.test(name) ? `${name}_` : name;
}

const extensions: Readonly<Record<string, string>> = {
  'image/jpeg': 'jpg',
  'image/png': 'png',
  'image/webp': 'webp',
  'image/gif': 'gif',
  'image/avif': 'avif',
  'image/bmp': 'bmp',
};
const imageName = /\.(jpe?g|jfif|png|webp|gif|avif|bmp)$/i;

/** Whether a file is an image by its name. */
export function isImageName(name: string): boolean {
  return imageName.test(name);
}

/** A file name without folders and without what file systems refuse, ending as an image's. */
export function imageFileName(given: string, type: string): string {
  const name = cleaned(given.split(/[/\\]/).at(-1) ?? '');
  const [, stem = name, extension = `.${extensions[type] ?? 'png'}`] = /^(.*?)(\.[A-Za-z]{1,5})$/.exec(name) ?? [];
  const kept = isImageName(`x${extension}`) ? extension : `${extension}.${extensions[type] ?? 'png'}`;
  const short = stem === '' || devices.test(stem) ? `image${stem}` : stem;
  return `${short}${kept}`;
}

/** The name itself, or with the first number that makes it one of its own: `a.png`, `a-2.png`. */
export function uniqueName(name: string, taken: ReadonlySet<string>): string {
  if (!taken.has(name.toLowerCase())) return name;
  const [, stem = name, extension = ''] = /^(.*)(\.[^.]*)$/.exec(name) ?? [];
  for (let number = 2; ; number++) {
    const numbered = `${stem}-${number}${extension}`;
    if (!taken.has(numbered.toLowerCase())) return numbered;
  }
}

function cleaned(name: string): string {
  const kept = [...name.normalize().replace(forbidden, '_')];
  const extension = /\.[A-Za-z]{1,5}$/.exec(name)?.[0] ?? '';
  const short =
    kept.length > mostCharacters
      ? `${kept.slice(0, mostCharacters - extension.length).join('')}${extension}`
      : kept.join('');
  return short.trim().replace(/^\.+|\.+$/g, '');
}
