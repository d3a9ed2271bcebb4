/**
 * The name of the file that was being replaced when its process was killed, from the name of the temporary file that is
 * left; null for other names.
 */
export function replacedBy(name: string): string | null {
  return /^(.+)\.(?:[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}\.tmp|\d+)$/.exec(name)?.[1] ?? null;
}
