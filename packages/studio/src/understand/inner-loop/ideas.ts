import { type ShownLearner, shownLearners } from './learners.ts';

/** The idea of each learner, by its paper. */
export const ideas: { readonly [L in ShownLearner]: { readonly name: string; readonly text: string } } = {
  maml: {
    name: 'MAML',
    text:
      'Finn et al. 2017: the inner loop takes gradient steps on the support’s loss with all parameters. The start is ' +
      'meta-learned so that the loss of the queries is low after these steps.',
  },
  anil: {
    name: 'ANIL',
    text:
      'Raghu et al. 2020, “almost no inner loop”: only the head is adapted, in meta-training too. They found that ' +
      'MAML works mostly by feature reuse: its inner loop hardly changes what the body computes, and adapting the ' +
      'head alone does as well.',
  },
  boil: {
    name: 'BOIL',
    text:
      'Oh et al. 2021, “body only update in inner loop”: the head is frozen in the inner loop, so the body has to ' +
      'change its features: representation change instead of reuse. They found this better, most of all where new ' +
      'tasks come from another domain.',
  },
};

/** The colour and dash of a learner. */
export const lookOf = (learner: ShownLearner) => shownLearners.indexOf(learner);
