/** The logs that a run can have in its folder, by the names that `log` knows. */
export type LogName = 'jsonl' | 'csv' | 'tensorboard';

export const logNames: readonly LogName[] = ['jsonl', 'csv', 'tensorboard'];

/** The beginning of the names of TensorBoard's logs, by which it finds them. */
export const tensorBoardPrefix = 'events.out.tfevents.';

/** The file with the options of a trial, after all other logs of TensorBoard in the order of names. */
export const hparamsFile = `${tensorBoardPrefix}hparams`;
