import { reachable, type Value } from '@graft-ml/core/graph';
import { bytesPerElement, sizeOf } from '@graft-ml/core/internal/base/tensor';

/** More need more memory, and as a rule more time for each. */
const most = 16;
/** With fewer, what an operator costs by itself would count. */
const least = { rows: 4, rowsOfThread: 2 };
/** The bytes of a value that the next operator still finds in the processor's caches. */
const cached = 2 ** 21;
/** Parameters are read for all rows at once: what is made of these is so many times as large, or reading them would count. */
const timesParameters = 10;

/**
 * How many of so many rows go through a network together where nothing trains: at most 16, or down to 4 where its values
 * would be too large for the caches (docs/performance.md, "Frozen layers by a few images").
 *
 * @param graph what the network makes of so many
 */
export function rowsAtOnce(count: number, graph: (rows: number) => Value, threads: number): number {
  const fewest = Math.max(least.rows, threads * least.rowsOfThread);
  if (count <= fewest) return Math.min(count, most);
  const { value, row, parameters } = bytesOf(graph);
  const fits = (rows: number) => rows * value <= cached;
  const isEnough = (rows: number) => rows >= fewest && rows * row >= timesParameters * parameters;
  let size = most;
  while (!fits(size) && isEnough(size / 2)) size /= 2;
  return Math.min(size, count);
}

/** What one more row adds, to a value that grows with the rows (in the mean) and to all of them, and the bytes of the parameters. */
function bytesOf(graph: (rows: number) => Value): { value: number; row: number; parameters: number } {
  const [one, two] = [reachable([graph(1)]), reachable([graph(2)])];
  // Nothing is known of a network that is another one for two rows.
  if (one.length !== two.length) return { value: 0, row: 0, parameters: 0 };
  const bytes = (values: readonly Value[]) => values.map(({ dtype, shape }) => sizeOf(shape) * bytesPerElement[dtype]);
  const [before, after] = [bytes(one), bytes(two)];
  const grown = after.map((each, i) => each - before[i]!).filter((added) => added > 0);
  const row = sum(grown);
  const parameters = sum(after.filter((each, i) => two[i]!.inputs.length === 0 && each === before[i]));
  return { value: row / Math.max(1, grown.length), row, parameters };
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, each) => total + each, 0);
