import { UserError } from '../base/errors.ts';

/** Does `work`. @throws UserError with the path where the system refuses: no space, no permission, a file in the way */
export async function writing<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
    throw new UserError(`Cannot write ${path}: ${error.message}.`, { cause: error });
  }
}
