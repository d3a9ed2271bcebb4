import { UserError } from '../base/errors.ts';
import { expectedLayouts } from './folder-layout.ts';
import type { FolderScan } from './folder-scan.ts';
import { formatProblems, type Problem } from './problem.ts';

/** @throws UserError where a number is out of its range */
export function refuseImpossible(options: {
  validationFraction: number;
  classDepth: number;
  maxPerClass: number;
}): void {
  const { validationFraction, classDepth, maxPerClass } = options;
  const refuse = (name: string, value: number, range: string) => {
    throw new UserError(`openImageFolder: ${name} is ${value}, expected ${range}.`);
  };
  if (!(validationFraction >= 0 && validationFraction <= 1)) refuse('validationFraction', validationFraction, '0 to 1');
  if (!(Number.isInteger(classDepth) && classDepth >= 1))
    refuse('classDepth', classDepth, 'a whole number of at least 1');
  if (!(maxPerClass >= 1)) refuse('maxPerClass', maxPerClass, 'at least 1');
}

/** Nothing in the folder can be used: what is there instead. */
export function noPictures(root: string, scans: readonly FolderScan[], problems: readonly Problem[]): UserError {
  const ignored = new Map<string, number>();
  for (const [reason, count] of scans.flatMap((scan) => [...scan.ignored])) {
    ignored.set(reason, (ignored.get(reason) ?? 0) + count);
  }
  const others = [...ignored].map(([reason, count]) => `${count} ${reason}`).join(', ');
  const passedOver = others ? ` Other entries there: ${others}.` : '';
  return new UserError(
    `openImageFolder: ${root} holds no usable pictures.${passedOver} Expected ${expectedLayouts}.${summary(problems)}`,
  );
}

/** One class cannot be told from anything. */
export function tooFewClasses(root: string, classes: readonly string[], problems: readonly Problem[]): UserError {
  const found = classes.length === 0 ? 'no class' : `one class (${classes[0]})`;
  return new UserError(
    `openImageFolder: ${root} has ${found} with usable training pictures, at least 2 are needed. Expected ${expectedLayouts}. ` +
      `If the class folders lie deeper, name the folder above them or set classDepth.${summary(problems)}`,
  );
}

/** @throws UserError where the folder has classes that a run with a frozen list does not know */
export function refuseUnknownClasses(root: string, scans: readonly FolderScan[], classes: readonly string[]): void {
  const known = new Set(classes);
  const unknown = [...new Set(scans.flatMap((scan) => [...scan.classes.keys()]))]
    .filter((name) => !known.has(name))
    .sort();
  if (unknown.length === 0) return;
  throw new UserError(
    `openImageFolder: ${unknown.length} class folders of ${root} are no classes of the run. ` +
      `+ ${shorten(unknown)} (folder), the run has ${shorten(classes)}. ` +
      'Rename or remove those folders, or train a run with them.',
  );
}

const listed = 20;

function shorten(names: readonly string[]): string {
  const rest = names.length - listed;
  return names.slice(0, listed).join(', ') + (rest > 0 ? ` and ${rest} more` : '');
}

function summary(problems: readonly Problem[]): string {
  return problems.length > 0 ? `\n${formatProblems(problems)}` : '';
}
