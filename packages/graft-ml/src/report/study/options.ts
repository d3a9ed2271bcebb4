import type { OpenRunOptions } from '../../evaluate/open-run.ts';
import type { ReportProgress } from '../facts.ts';

/** Options that say what the report of several runs is made from. */
export interface StudyOptions
  extends Pick<OpenRunOptions, 'openStore' | 'cache' | 'decoder' | 'device' | 'checkpoint'> {
  /** Where the runs' dataset is now, if it was moved, or if the runs were made by someone else. */
  readonly data?: string | undefined;
  /** Episodes that runs of meta-learning are tested on. Default 200. A comparison has been tested. */
  readonly episodes?: number | undefined;
  /** Ends it before the file is written, with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: ReportProgress) => void) | undefined;
}
