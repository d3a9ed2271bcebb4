export { csv, jsonLines, jsonLinesOf } from './lines.ts';
export type { LogFormat, LoggedProgress, Logger } from './logger.ts';
export { tensorBoard } from './tensorboard.ts';
