import { UserError } from '@graft-ml/core/internal/base/errors';
import { matching, md5, type PublicSet } from './public-set.ts';

/** Sets whose archives have class folders already. */

/**
 * Handwritten characters (Lake, Salakhutdinov, Tenenbaum 2015). Its two halves have other characters each, to learn to
 * learn.
 */
export const omniglot: PublicSet = {
  name: 'omniglot',
  title: 'Omniglot: 1623 characters of 50 alphabets, drawn by 20 people',
  images: 32_460,
  classes: 1623,
  layout: '{images_background,images_evaluation}/<alphabet>/<character>, `classDepth` 2 for each half',
  licence: 'MIT',
  source: 'https://github.com/brendenlake/omniglot',
  files: [
    {
      url: 'https://raw.githubusercontent.com/brendenlake/omniglot/master/python/images_background.zip',
      checksum: md5('68d2efa1b9178cc56df9314c21c6e718'),
      megabytes: 10,
    },
    {
      url: 'https://raw.githubusercontent.com/brendenlake/omniglot/master/python/images_evaluation.zip',
      checksum: md5('6b91aef0f799c5bb55b94e3f2daec811'),
      megabytes: 7,
    },
  ],
  async *arrange(files) {
    for (const file of files) {
      const images = matching(
        await file.members(),
        /^(images_(?:background|evaluation)\/[^/]+\/[^/]+\/[^/.][^/]*\.png)$/,
      );
      for (const [content, to] of images) yield { to: to!, content };
    }
  },
};

/** Ants and bees out of ImageNet, as in PyTorch's tutorial on transfer learning. */
export const hymenoptera: PublicSet = {
  name: 'hymenoptera',
  title: 'Ants and bees, of the PyTorch tutorial on transfer learning',
  images: 397,
  classes: 2,
  layout: '{train,val}/<class>',
  licence: null,
  source: 'https://docs.pytorch.org/tutorials/beginner/transfer_learning_tutorial.html',
  files: [{ url: 'https://download.pytorch.org/tutorial/hymenoptera_data.zip', checksum: null, megabytes: 47 }],
  async *arrange([file]) {
    const images = matching(
      await file!.members(),
      /^hymenoptera_data\/((?:train|val)\/(?:ants|bees)\/[^/.][^/]*\.(?:jpg|png))$/i,
    );
    for (const [content, to] of images) yield { to: to!, content };
  },
};

/** Objects of 101 kinds (Fei-Fei, Fergus, Perona 2004), without the class of things that are none of them. */
export const caltech101: PublicSet = {
  name: 'caltech101',
  title: 'Caltech 101: objects of 101 kinds',
  images: 8677,
  classes: 101,
  layout: '<class>',
  licence: 'CC BY 4.0',
  source: 'https://data.caltech.edu/records/mzrjq-6wc02',
  files: [
    {
      url: 'https://data.caltech.edu/records/mzrjq-6wc02/files/caltech-101.zip',
      checksum: md5('3138e1922a9193bfa496528edbbc45d0'),
      megabytes: 137,
    },
  ],
  async *arrange([file]) {
    const [found] = matching(await file!.members(), /^(?:[^/]+\/)?101_ObjectCategories\.tar\.gz$/);
    if (!found) throw new UserError('caltech101: there is no 101_ObjectCategories.tar.gz in the archive.');
    const inner = await file!.inner(found[0]);
    for (const [content, to] of matching(
      await inner.members(),
      /^101_ObjectCategories\/([^/.][^/]*\/[^/.][^/]*\.jpg)$/,
    )) {
      if (!to!.startsWith('BACKGROUND_Google/')) yield { to: to!, content };
    }
  },
};
