/** The logs that a run can have in its folder, by the names that `log` knows. */
export type LogName = 'jsonl' | 'csv' | 'tensorboard';

export const logNames: readonly LogName[] = ['jsonl', 'csv', 'tensorboard'];
