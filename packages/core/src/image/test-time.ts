import { type CropPlace, centreCrop } from './transform.ts';

const mirrored = (places: readonly CropPlace[]) => [...places, ...places.map((place) => ({ ...place, mirror: true }))];

/** torchvision's FiveCrop: the corners and the centre. */
const fiveCrops: readonly CropPlace[] = [
  { x: 'start', y: 'start', mirror: false },
  { x: 'end', y: 'start', mirror: false },
  { x: 'start', y: 'end', mirror: false },
  { x: 'end', y: 'end', mirror: false },
  centreCrop,
];

/** The views of an image whose probabilities are averaged in evaluation. */
export type TestTimeAugmentation = 'none' | 'flip' | 'five-crop' | 'ten-crop';

/** The views of each kind of test-time augmentation. */
export const testTimeViews: Readonly<Record<TestTimeAugmentation, readonly CropPlace[]>> = {
  none: [centreCrop],
  flip: mirrored([centreCrop]),
  'five-crop': fiveCrops,
  'ten-crop': mirrored(fiveCrops),
};

export const testTimeNames = Object.keys(testTimeViews) as TestTimeAugmentation[];
