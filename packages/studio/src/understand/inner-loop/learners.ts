/** Learners that adapt one start each in its own way. */
export const shownLearners = ['maml', 'anil', 'boil'] as const;
export type ShownLearner = (typeof shownLearners)[number];
