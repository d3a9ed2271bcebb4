/**
 * Datasets on disk: finding, checking, splitting and decoding images, contact sheets, public datasets; and decoded images: resizing, cropping, augmentation.
 *
 * @module graft-ml/data
 */
export * from '@graft-ml/core/data';
export type { ClassCount } from '@graft-ml/core/internal/image/class-balance';
export type { ImageFormat } from '@graft-ml/core/internal/image/file/header';
export type { Squares } from '@graft-ml/core/internal/image/squares';
export type { SplitImages } from '../data/dataset.ts';
export type { LeftOut } from '../data/doctor/clean-plan.ts';
export type { DiagnosisKind } from '../data/doctor/finding.ts';
export {
  type CleanCopyOptions,
  type CleanPlan,
  type Diagnosis,
  type DoctorOptions,
  diagnose,
  type Finding,
  type FindingKind,
  type Severity,
  writeCleanCopy,
} from '../data/doctor/index.ts';
export type { Examination, Likeness } from '../data/doctor/likeness.ts';
export type { Placed, Specimen } from '../data/doctor/specimen.ts';
export type { Part as FolderPart } from '../data/folder-layout.ts';
export type { ExaminingPool, ImagePoolOptions } from '../data/image-pool.ts';
export {
  type CaptionedImage,
  type Dataset,
  type DatasetImage,
  type DatasetOptions,
  decodeImage,
  type FoundImages,
  findImages,
  findLabelledImages,
  fingerprint,
  type ImageFile,
  type ImagePool,
  type ImageSheetOptions,
  type LabelledImage,
  type LabelledImages,
  openDataset,
  openImagePool,
  type Preview,
  type PreviewOptions,
  type PreviewRow,
  previewAugmentation,
  type SheetImage,
  writeContactSheet,
  writeImageSheet,
} from '../data/index.ts';
export type { ColumnOptions } from '../data/readers/columns.ts';
export type { Candidate, ReaderOptions, ShapeOptions } from '../data/readers/found.ts';
export type { CheckOptions } from '../data/scan/check-images.ts';
export type { Surveyed, SurveyedFacts, SurveyOptions } from '../data/scan/sound.ts';
export type { Within, ZipMember } from '../files/within.ts';
