export * from '@graft-ml/core/data';
export {
  type Dataset,
  type DatasetImage,
  type DatasetOptions,
  decodeImage,
  type FoundImages,
  findImages,
  findLabelledImages,
  fingerprint,
  type ImageFile,
  type LabelledImage,
  type LabelledImages,
  openDataset,
  type PreviewOptions,
  type PreviewRow,
  previewAugmentation,
  writeContactSheet,
} from '../data/index.ts';
