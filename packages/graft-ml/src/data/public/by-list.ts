import { UserError } from '@graft-ml/core/internal/base/errors';
import type { Member } from '../../files/archives/member.ts';
import { readWithin } from '../../files/within.ts';
import { cifarPng, cifarRecords } from './cifar.ts';
import { flowerNames } from './flower-names.ts';
import { readMatlabArrays } from './matlab.ts';
import { matching, md5, type OpenFile, type PlacedImage, type PublicSet } from './public-set.ts';

/** Sets whose archives say in lists what their images are for. */

const oxford = 'https://www.robots.ox.ac.uk/~vgg/data';

/** Flowers (Nilsback, Zisserman 2008). Labels and splits are MATLAB files. */
export const flowers102: PublicSet = {
  name: 'flowers102',
  title: 'Oxford Flowers 102: flowers of 102 kinds, 10 of each to train, 10 to validate',
  images: 8189,
  classes: 102,
  layout: '{train,val,test}/<flower>',
  licence: null,
  source: `${oxford}/flowers/102/`,
  files: [
    { url: `${oxford}/flowers/102/102flowers.tgz`, checksum: md5('52808999861908f626f3c1f4e79d11fa'), megabytes: 345 },
    { url: `${oxford}/flowers/102/imagelabels.mat`, checksum: md5('e0620be6f572b9609742df49c70aed4d'), megabytes: 1 },
    { url: `${oxford}/flowers/102/setid.mat`, checksum: md5('a5357ecc9cb78c4bef273ce3793fc85c'), megabytes: 1 },
  ],
  async *arrange([images, labelFile, splitFile]) {
    const labels = arrayOf(readMatlabArrays(await labelFile!.read()), 'labels');
    const splits = readMatlabArrays(await splitFile!.read());
    const splitOf = new Map(
      (
        [
          ['train', 'trnid'],
          ['val', 'valid'],
          ['test', 'tstid'],
        ] as const
      ).flatMap(([split, key]) => arrayOf(splits, key).map((id) => [id, split] as const)),
    );
    for (const [content, name, number] of matching(await images!.members(), /^jpg\/(image_(\d{5})\.jpg)$/)) {
      const [split, flower] = [splitOf.get(Number(number)), flowerNames[labels[Number(number) - 1]! - 1]];
      if (split === undefined || flower === undefined)
        throw new UserError(`flowers102: ${name} has no label or split.`);
      yield { to: `${split}/${flower}/${name}`, content };
    }
  },
};

function arrayOf(arrays: ReadonlyMap<string, readonly number[]>, name: string): readonly number[] {
  const array = arrays.get(name);
  if (!array) throw new UserError(`flowers102: there is no array ${name} in the MATLAB file.`);
  return array;
}

/** Cats and dogs (Parkhi et al. 2012). The breed is what a file's name begins with. */
export const pets: PublicSet = {
  name: 'pets',
  title: 'Oxford-IIIT Pets: cats and dogs of 37 breeds',
  images: 7349,
  classes: 37,
  layout: '{train,test}/<breed>',
  licence: 'CC BY-SA 4.0',
  source: `${oxford}/pets/`,
  files: [
    { url: `${oxford}/pets/data/images.tar.gz`, checksum: md5('5c4f3ee8e5d25df40f4fd59a7f44e54c'), megabytes: 792 },
    { url: `${oxford}/pets/data/annotations.tar.gz`, checksum: md5('95a8c909bbe2e81eed6a22bccdf3f68f'), megabytes: 19 },
  ],
  async *arrange([images, annotations]) {
    const lists = await annotations!.members();
    const splitOf = await splitsBy(lists, { train: 'annotations/trainval.txt', test: 'annotations/test.txt' });
    for (const [content, name, breed] of matching(await images!.members(), /^images\/(([^/.]+)_\d+)\.jpg$/)) {
      const split = splitOf.get(name!);
      if (split) yield { to: `${split}/${breed}/${name}.jpg`, content };
    }
  },
};

/** Dishes (Bossard, Guillaumin, Van Gool 2014). What is for training was left noisy on purpose. */
export const food101: PublicSet = {
  name: 'food101',
  title: 'Food-101: dishes of 101 kinds, 750 of each to train, 250 to test',
  images: 101_000,
  classes: 101,
  layout: '{train,test}/<dish>',
  licence: null,
  source: 'https://data.vision.ee.ethz.ch/cvl/datasets_extra/food-101/',
  files: [
    {
      url: 'http://data.vision.ee.ethz.ch/cvl/food-101.tar.gz',
      checksum: md5('85eeb15f3717b99a5da872d97d918f87'),
      megabytes: 4997,
    },
  ],
  async *arrange([file]) {
    const members = await file!.members();
    const splitOf = await splitsBy(members, { train: 'food-101/meta/train.txt', test: 'food-101/meta/test.txt' });
    for (const [content, name] of matching(members, /^food-101\/images\/([^/.]+\/[^/.]+)\.jpg$/)) {
      const split = splitOf.get(name!);
      if (split) yield { to: `${split}/${name}.jpg`, content };
    }
  },
};

/** The split of each image, from lists with an image as the first word of each line. */
async function splitsBy(
  members: readonly Member[],
  lists: Readonly<Record<string, string>>,
): Promise<Map<string, string>> {
  const splitOf = new Map<string, string>();
  for (const [split, name] of Object.entries(lists)) {
    const text = (await contentOf(members, name)).toString('utf8');
    const names = text.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'));
    for (const line of names) splitOf.set(line.trim().split(/\s/)[0]!, split);
  }
  return splitOf;
}

async function contentOf(members: readonly Member[], name: string): Promise<Buffer> {
  const member = members.find((one) => one.name.replace(/^\.\//, '') === name);
  if (!member?.within) throw new UserError(`there is no ${name} in the archive.`);
  return readWithin(member.within);
}

/** Small images of ten kinds (Krizhevsky 2009). Each is a byte for its label and 3072 for its planes. */
export const cifar10: PublicSet = {
  name: 'cifar10',
  title: 'CIFAR-10: images of 32 x 32 pixels of 10 kinds',
  images: 60_000,
  classes: 10,
  layout: '{train,test}/<class>, as PNG',
  licence: null,
  source: 'https://www.cs.toronto.edu/~kriz/cifar.html',
  files: [
    {
      url: 'https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz',
      checksum: md5('c32a1d4ab5d03f1284b67883e8d87530'),
      megabytes: 170,
    },
  ],
  arrange: ([file]) => cifarImages(file!),
};

async function* cifarImages(file: OpenFile): AsyncGenerator<PlacedImage> {
  const members = await file.members();
  const names = (await contentOf(members, 'cifar-10-batches-bin/batches.meta.txt'))
    .toString('utf8')
    .trim()
    .split(/\s+/);
  for (const [member, batch] of matching(members, /^cifar-10-batches-bin\/(data_batch_\d|test_batch)\.bin$/)) {
    const split = batch === 'test_batch' ? 'test' : 'train';
    const bytes = await contentOf(members, member.name);
    for (const { label, planes, index } of cifarRecords(bytes)) {
      const name = names[label];
      if (name === undefined)
        throw new UserError(`cifar10: ${member.name} has the label ${label}, there are ${names.length}.`);
      yield { to: `${split}/${name}/${batch}-${String(index).padStart(5, '0')}.png`, content: await cifarPng(planes) };
    }
  }
}
