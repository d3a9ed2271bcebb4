import { UserError } from '../base/errors.ts';

const prefix = 'There is not enough memory';
/**
 * ONNX Runtime throws plain errors; so does JavaScript where a buffer cannot be had, and a thread whose error was
 * copied. In WebAssembly the size of a tensor beyond 4 GiB is an integer overflow.
 */
const isAboutMemory = new RegExp(
  `^${prefix}|Failed to allocate (memory|a buffer)|bad_alloc|bad allocation|SafeIntOnOverflow|` +
    'Array buffer allocation failed|WebAssembly\\.Memory',
  'i',
);

/** Runs `work`, which calls ONNX Runtime. @throws UserError that says what to lower where memory runs out */
export async function explainMemory<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Error) || error instanceof UserError || !isAboutMemory.test(error.message)) throw error;
    throw new UserError(error.message.startsWith(prefix) ? error.message : explained(error.message), { cause: error });
  }
}

function explained(message: string): string {
  const [, operator] = /while running (\w{1,40}) node/.exec(message) ?? [];
  const [, bytes] = /requested buffer of size (\d+)/.exec(message) ?? [];
  const wanted = bytes === undefined ? '' : `${(Number(bytes) / 2 ** 20).toFixed(0)} MiB more `;
  const where = operator === undefined ? 'for this network' : `for a ${operator}`;
  return (
    `${prefix}: ONNX Runtime could not get ${wanted === '' ? 'what it needs ' : wanted}${where}. ` +
    'Lower the batch size (`batchSize`; with `accumulate` a step stays as large) or the size of the images ' +
    '(`imageSize`); in meta-learning the number of threads (`threads`), ways or shots.'
  );
}
