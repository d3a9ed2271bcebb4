import { reachable, type Value } from '@graft-ml/core/graph';
import { applicableLowerings } from '@graft-ml/core/internal/graph/index';
import { choiceKey } from '@graft-ml/core/internal/runtime/tuning';
import type { Choices } from '@graft-ml/core/runtime';

/** The default lowering of every value for which there is a choice, so that compiling measures no time. */
export function defaultChoices(outputs: Readonly<Record<string, Value>>): Choices {
  const optional = reachable(Object.values(outputs)).filter((value) => Object.keys(value.op.lowerings).length > 1);
  return Object.fromEntries(optional.map((value) => [choiceKey(value), applicableLowerings(value)[0]!]));
}
