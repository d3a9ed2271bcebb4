import type { Kind } from '../case.ts';
import { archives } from './archives.ts';
import { configs } from './configs.ts';
import { endings } from './endings.ts';
import { faults } from './faults.ts';
import { folders } from './folders.ts';
import { images } from './images.ts';
import { kills } from './kills.ts';
import { mutants } from './mutants.ts';
import { onnx } from './onnx.ts';
import { runs } from './runs.ts';
import { server } from './server.ts';
import { tables } from './tables.ts';
import { weights } from './weights.ts';

export const kinds: readonly Kind[] = [
  archives,
  configs,
  endings,
  faults,
  folders,
  images,
  kills,
  mutants,
  onnx,
  runs,
  server,
  tables,
  weights,
];
