import { UserError } from '@graft-ml/core/internal/base/errors';
import { printableName } from '@graft-ml/core/internal/base/printable';

/** A part of a key, and the id of a job: a plain name, which leads nowhere in a file system. */
export const plainName = /^(?!\.{1,2}$)[\w.-]{1,200}$/;

/** The key itself. @throws UserError where it is none */
export function assertKey(key: string): string {
  if (key.length <= 900 && key.split('/').every((part) => plainName.test(part))) return key;
  throw new UserError(
    `${printableName(key)} cannot be the key of an object: letters, digits, dots, dashes and underscores, with / ` +
      'between the parts.',
  );
}
