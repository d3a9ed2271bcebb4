import type { ProblemKind } from '@graft-ml/core/internal/image/problem';

/** `serious`: labels, accuracy or images are wrong. `warning`: training gets worse. `note`: worth a look. */
export type Severity = 'serious' | 'warning' | 'note';

/** Something that is wrong with a folder, and where. */
export interface Finding {
  readonly kind: FindingKind;
  /** Paths from the folder, with '/' everywhere. */
  readonly paths: readonly string[];
  /** The finding, without the paths. */
  readonly message: string;
}

/** A finding beyond those of opening a folder. */
export type DiagnosisKind =
  | 'conflicting-labels'
  | 'leak'
  | 'duplicate'
  | 'alike-labels'
  | 'alike-leak'
  | 'alike'
  | 'wrong-extension'
  | 'passed-over'
  | 'few-images'
  | 'imbalance'
  | 'size-outlier'
  | 'shape-outlier';

export type FindingKind = ProblemKind | DiagnosisKind;

interface FindingInfo {
  readonly severity: Severity;
  readonly title: string;
  /** Advice on what to do. */
  readonly advice: string;
}

const leftOut = 'It is left out of training. Replace it; a clean copy leaves it out.';

/** Every kind of finding, in the order of the report. */
export const findingKinds: { readonly [K in FindingKind]: FindingInfo } = {
  'conflicting-labels': {
    severity: 'serious',
    title: 'one image under several labels',
    advice: 'At most one label is right: keep that copy. A clean copy has none of them, because nobody can know.',
  },
  leak: {
    severity: 'serious',
    title: 'one image in several splits',
    advice:
      'Accuracy on images that were trained on says nothing. A clean copy keeps the one in test, else the one in val.',
  },
  'class-missing-in-split': {
    severity: 'serious',
    title: 'classes that a split lacks',
    advice:
      'Without a folder in train a class is not learned, without one in val it is not measured. Check the spelling ' +
      'of the folders.',
  },
  'empty-class': {
    severity: 'serious',
    title: 'class folders without usable images',
    advice: 'Add images, or remove the folder.',
  },
  truncated: { severity: 'serious', title: 'truncated images', advice: leftOut },
  unreadable: { severity: 'serious', title: 'unreadable images', advice: leftOut },
  'empty-file': { severity: 'serious', title: 'files of 0 bytes', advice: leftOut },
  'not-an-image': { severity: 'serious', title: 'files that are no images', advice: leftOut },
  'too-large': { severity: 'serious', title: 'images that are too large', advice: leftOut },
  'too-small': { severity: 'serious', title: 'images that are too small', advice: leftOut },
  'foreign-format': {
    severity: 'serious',
    title: 'images in formats that are not read',
    advice: 'Save them as JPEG, PNG or TIFF. A clean copy leaves them out.',
  },
  'passed-over': {
    severity: 'warning',
    title: 'images that their name hides',
    advice: 'Files without the extension of an image are passed over. A clean copy adds the right one.',
  },
  'wrong-extension': {
    severity: 'warning',
    title: 'images with the extension of another format',
    advice: 'Graft reads them, other programs may not. A clean copy renames them.',
  },
  'alike-labels': {
    severity: 'warning',
    title: 'images that look the same under several labels',
    advice: 'Look at them: at most one label is right. A clean copy with `near` has none of them.',
  },
  'alike-leak': {
    severity: 'warning',
    title: 'images that look the same in several splits',
    advice: 'Copies of training images make accuracy look better than it is. A clean copy with `near` removes them.',
  },
  duplicate: {
    severity: 'warning',
    title: 'one image several times in a class',
    advice: 'It counts that many times, and may come to stand on both sides of a split. A clean copy keeps one.',
  },
  alike: {
    severity: 'warning',
    title: 'images of a class that look the same',
    advice: 'As duplicates, if they are copies: look at them. A clean copy with `near` keeps one.',
  },
  'few-images': {
    severity: 'warning',
    title: 'classes with very few images',
    advice: 'What is learned of them is chance. Add images, or merge or remove the classes.',
  },
  imbalance: {
    severity: 'warning',
    title: 'classes of very different sizes',
    advice: 'Small classes are neglected, and accuracy hides it. Add images, or train with balanced classes.',
  },
  'no-class': {
    severity: 'warning',
    title: 'images outside the class folders',
    advice: 'They are not used. Move them into a class folder, or remove them.',
  },
  'no-label': {
    severity: 'warning',
    title: 'images without a class',
    advice: 'They are not used. Say their class, or remove them from the table.',
  },
  'missing-file': {
    severity: 'warning',
    title: 'images that are named and not there',
    advice: 'Bring the files, or remove them from the table.',
  },
  outside: {
    severity: 'warning',
    title: 'files outside the dataset',
    advice: 'They are not read. Put them where the dataset is.',
  },
  'listed-twice': {
    severity: 'warning',
    title: 'names that appear twice',
    advice: 'The first counts. Remove the others.',
  },
  'unsafe-name': {
    severity: 'warning',
    title: 'members of the archive with names that lead astray',
    advice: 'They are not used. Pack the archive anew.',
  },
  encrypted: {
    severity: 'warning',
    title: 'encrypted members of the archive',
    advice: 'Unpack the archive with its password.',
  },
  'link-not-followed': {
    severity: 'note',
    title: 'links that are not followed',
    advice: 'Put the files themselves there.',
  },
  'size-outlier': {
    severity: 'note',
    title: 'images much smaller or larger than the others',
    advice: 'Thumbnails and scans among photographs: look whether they belong here.',
  },
  'shape-outlier': {
    severity: 'note',
    title: 'images much longer than the others',
    advice: 'A square crop shows little of them: crop them by hand, or remove them.',
  },
};

/** The kinds of findings, the most serious first. */
export const kindsInOrder = Object.keys(findingKinds) as FindingKind[];
