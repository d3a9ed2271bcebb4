import type { Handlers } from '../node-call.ts';
import { activation } from './activation.ts';
import { arithmetic } from './arithmetic.ts';
import { convolutions } from './convolution.ts';
import { indexing } from './indexing.ts';
import { normalisation } from './normalisation.ts';
import { padding } from './padding.ts';
import { reduction } from './reduction.ts';
import { resizing } from './resize.ts';
import { shapes } from './shape.ts';

/** The handlers of ONNX's own operators, by name; each knows its versions from opset 7 on. */
export const operators: Handlers = {
  ...arithmetic,
  ...activation,
  ...convolutions,
  ...normalisation,
  ...reduction,
  ...resizing,
  ...shapes,
  ...indexing,
  ...padding,
};
