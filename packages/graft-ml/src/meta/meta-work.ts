import { learners } from '@graft-ml/core/internal/meta/learners';
import { learnerVariables, trainingGraph } from '@graft-ml/core/internal/meta/task-graph';
import { phasesOf } from '@graft-ml/core/internal/recipe/meta/make-learner';
import type { OpenLearner } from '@graft-ml/core/internal/runs/open-learner';
import { taskShape } from '@graft-ml/core/meta';
import { countFlops } from '@graft-ml/core/ops';

/** The floating-point operations of a phase of meta-training: counted in its graph, not measured. */
export interface MetaWork {
  readonly name: string;
  /** Validations, at the end of each of which stands an epoch. */
  readonly epochs: number;
  /** Of one outer step: for every task forward, inner steps, and back through them. Its update is not in it. */
  readonly flopsPerStep: number;
}

/** The operations of a run of meta-learning by phase; none for a learner that trains nothing. */
export function metaWork({
  config,
  network,
  learner,
}: Pick<OpenLearner, 'config' | 'network' | 'learner'>): MetaWork[] {
  if (learners[config.learner].kind === 'baseline') return [];
  const { way, shots, queries, metaBatch } = config;
  const shape = taskShape({ way, shots, queries });
  const trained = [...learnerVariables(network, learner).values()].flatMap(({ kind, name }) =>
    kind === 'parameter' ? [name] : [],
  );
  return phasesOf(config).map(({ name, epochs, outer }) => {
    const graph = trainingGraph(network, learner, shape, { trained, outer });
    return { name, epochs, flopsPerStep: metaBatch * countFlops(Object.values(graph)).total };
  });
}
