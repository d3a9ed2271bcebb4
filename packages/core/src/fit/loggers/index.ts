export { csv, jsonLines } from './lines.ts';
export type { LogFormat, LoggedPhase, Logger } from './logger.ts';
export { tensorBoard } from './tensorboard.ts';
