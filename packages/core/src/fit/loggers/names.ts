/** The logs that a run can have in its folder, by the names that `log` knows. */
export const logNames = ['jsonl', 'csv', 'tensorboard'] as const;

export type LogName = (typeof logNames)[number];
