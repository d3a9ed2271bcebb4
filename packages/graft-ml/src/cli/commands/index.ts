import type { CommandDefinition } from '../command.ts';
import { configCommand } from './config.ts';
import { dataGetCommand, dataListCommand } from './data.ts';
import { doctorCommand } from './doctor.ts';
import { evaluateCommand } from './evaluate.ts';
import { exportCommand } from './export.ts';
import { featuresCommand } from './features.ts';
import { findLrCommand } from './find-lr.ts';
import { inspectCommand } from './inspect.ts';
import { metaAdaptCommand } from './meta-adapt.ts';
import { metaCompareCommand } from './meta-compare.ts';
import { metaConfigCommand } from './meta-config.ts';
import { metaTestCommand } from './meta-test.ts';
import { metaTrainCommand } from './meta-train.ts';
import { modelsCommand } from './models.ts';
import { predictCommand } from './predict.ts';
import { previewCommand } from './preview.ts';
import { trainCommand } from './train.ts';

/** Every command, in the order of the help. */
export const commands = [
  trainCommand,
  evaluateCommand,
  predictCommand,
  featuresCommand,
  previewCommand,
  findLrCommand,
  exportCommand,
  metaTrainCommand,
  metaTestCommand,
  metaAdaptCommand,
  metaCompareCommand,
  metaConfigCommand,
  inspectCommand,
  doctorCommand,
  dataGetCommand,
  dataListCommand,
  modelsCommand,
  configCommand,
] as unknown as readonly CommandDefinition[];
