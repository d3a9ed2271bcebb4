import { type ClassCount, fewestToTrain, imbalanceOf } from '@graft-ml/core/internal/image/class-balance';
import { groupBy } from '@graft-ml/core/internal/image/group-by';
import type { Split } from '@graft-ml/core/internal/image/split-images';
import { spoiledClass } from '../dataset-checks.ts';
import type { Part } from '../folder-layout.ts';
import type { Finding } from './finding.ts';
import type { Placed, Specimen } from './specimen.ts';

/** The number of usable images of each class; all count as training images in a folder that is not split. */
export function countClasses(specimens: readonly Specimen[]): ClassCount[] {
  const count = (images: readonly Specimen[], split: Split) =>
    images.filter((image) => (image.part.split ?? 'train') === split).length;
  return [...groupBy(specimens, ({ className }) => className)]
    .map(([name, images]) => ({
      name,
      train: count(images, 'train'),
      validation: count(images, 'validation'),
      test: count(images, 'test'),
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Findings about the classes, as far as counting their images shows them. */
export function classFindings(
  parts: readonly Part[],
  files: readonly Placed[],
  specimens: readonly Specimen[],
): Finding[] {
  const classes = countClasses(specimens);
  return [
    ...spoiledClasses(files, specimens),
    ...unevenClasses(parts, classes),
    ...smallClasses(parts, classes),
    ...imbalance(classes),
  ];
}

/** The classes of which no image is good. */
function spoiledClasses(files: readonly Placed[], specimens: readonly Specimen[]): Finding[] {
  const folderOf = ({ part, className }: Placed) => classFolder(part, className);
  const fine = new Set(specimens.map(folderOf));
  return [...groupBy(files, folderOf)]
    .filter(([folder]) => !fine.has(folder))
    .map(([folder, { length }]) => {
      const { kind, message } = spoiledClass(folder, length);
      return { kind, paths: [folder], message };
    });
}

/** The path of a class in its part. */
export function classFolder({ name }: Part, className: string): string {
  return name === '' ? className : `${name}/${className}`;
}

/** The classes that stand in some splits and not in others. */
function unevenClasses(parts: readonly Part[], classes: readonly ClassCount[]): Finding[] {
  return classes.flatMap((count): Finding[] => {
    const absent = parts.filter(({ split }) => split !== undefined && count[split] === 0);
    if (absent.length === 0) return [];
    const present = parts.find(({ split }) => split !== undefined && count[split] > 0)!;
    const message = `no images in ${absent.map(({ name }) => name).join(', ')}`;
    return [{ kind: 'class-missing-in-split', paths: [classFolder(present, count.name)], message }];
  });
}

/**
 * The classes that have too few images to train on, after some were held out where the folder has no validation part.
 */
function smallClasses(parts: readonly Part[], classes: readonly ClassCount[]): Finding[] {
  const train = parts.find(({ split }) => split === undefined || split === 'train');
  const heldOut = parts.some(({ split }) => split === 'validation') ? 0 : 1;
  return classes
    .filter((count) => train && count.train > 0 && count.train < fewestToTrain + heldOut)
    .map((count) => ({
      kind: 'few-images',
      paths: [classFolder(train!, count.name)],
      message: `${count.train} to train on; ${fewestToTrain + heldOut} are the least that make sense`,
    }));
}

function imbalance(classes: readonly ClassCount[]): Finding[] {
  const found = imbalanceOf(classes);
  if (!found) return [];
  const { largest, smallest } = found;
  const ratio = (largest.train / smallest.train).toFixed(1);
  const message = `${largest.name} has ${largest.train} images, ${smallest.name} ${smallest.train}: ${ratio} to 1`;
  return [{ kind: 'imbalance', paths: [], message }];
}
