import { UserError } from '@graft-ml/core/internal/base/errors';

/**
 * Loads packages that only those need who use more than one machine.
 *
 * @param names the packages, as npm knows them
 * @param purpose what they are needed for, as in `A store in a bucket`
 * @throws UserError with the command that installs them
 */
export async function loadPeers<T>(names: readonly string[], purpose: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    const isAbsent = cause instanceof Error && 'code' in cause && /MODULE_NOT_FOUND$/.test(String(cause.code));
    if (!isAbsent) throw cause;
    const those = names.length === 1 ? `the package ${names[0]}, which is` : `the packages ${list(names)}, which are`;
    throw new UserError(`${purpose} needs ${those} not installed. Install it with: npm install ${names.join(' ')}`, {
      cause,
    });
  }
}

function list(names: readonly string[]): string {
  return `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}
