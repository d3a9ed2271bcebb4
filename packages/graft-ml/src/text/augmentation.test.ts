import { UserError } from '@graft-ml/core/internal/base/errors';
import { type AugmentationLevel, augmentationLevels } from '@graft-ml/core/internal/image/augment/levels';
import { describe, expect, it } from 'vitest';
import { parseAugmentation } from '../../../../test/augmentation.ts';
import { augment, levelTexts } from './augmentation.ts';

describe('parseAugmentation', () => {
  it('reads a list, with presets for what is left out', () => {
    expect(parseAugmentation('crop=0.5, flip,rotate=15,jitter=0.4,randaugment=2:9,erase')).toEqual([
      { kind: 'crop', scale: [0.5, 1] },
      { kind: 'flip', probability: 0.5 },
      { kind: 'rotate', degrees: 15 },
      { kind: 'jitter', brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0 },
      { kind: 'randaugment', count: 2, magnitude: 9 },
      { kind: 'erase', probability: 0.25 },
    ]);
    expect(parseAugmentation('crop=0.2:0.6,jitter=.1:.2:.3:.4,randaugment=3,vflip=1,trivialaugment')).toEqual([
      { kind: 'crop', scale: [0.2, 0.6] },
      { kind: 'jitter', brightness: 0.1, contrast: 0.2, saturation: 0.3, hue: 0.4 },
      { kind: 'randaugment', count: 3, magnitude: 9 },
      { kind: 'vflip', probability: 1 },
      { kind: 'trivialaugment' },
    ]);
  });

  it('levels stand for their lists, alone or in one', () => {
    expect(parseAugmentation('none')).toEqual([]);
    for (const [name, list] of Object.entries(augmentationLevels)) {
      expect(parseAugmentation(name)).toEqual(list);
      expect(parseAugmentation(augment.format(list))).toEqual(list);
      expect(parseAugmentation(levelTexts[name as AugmentationLevel] || 'none')).toEqual(list);
    }
    expect(parseAugmentation('light,autoaugment').map(({ kind }) => kind)).toEqual(['crop', 'flip', 'autoaugment']);
  });

  it.each([
    [
      'ligth',
      'augment "ligth": "ligth" is not known. Did you mean "light"? Expected none, light, standard, strong, or a list of',
    ],
    ['light,erode', '"erode" is not known. Did you mean "erase"?'],
    ['', '"" is not known.'],
    ['light,', '"" is not known.'],
    ['crop=0', '"crop=0" is not understood. Expected crop[=MINIMUM:MAXIMUM], MINIMUM a number from 0.01 to 1, MAXIMUM'],
    ['crop=0.8:0.5', '"crop=0.8:0.5" is not understood'],
    ['flip=', '"flip=" is not understood. Expected flip[=PROBABILITY], PROBABILITY a number from 0 to 1.'],
    ['flip=0.5:0.5', '"flip=0.5:0.5" is not understood'],
    ['rotate=-5', 'DEGREES a number from 0 to 180'],
    ['randaugment=2.5', 'COUNT a whole number from 1 to 14, MAGNITUDE a whole number from 0 to 30.'],
    ['randaugment=2:31', 'MAGNITUDE a whole number from 0 to 30'],
    ['trivialaugment=1', '"trivialaugment=1" is not understood. Expected trivialaugment.'],
    ['toString', '"toString" is not known.'],
    ['light,flip=1', 'augment "light,flip=1": flip stands there twice'],
  ])('"%s" is refused', (text, message) => {
    expect(() => parseAugmentation(text)).toThrow(UserError);
    expect(() => parseAugmentation(text)).toThrow(message);
  });
});
