/** A pattern for everything under one of some dotted paths: `fc` matches `fc.weight`, never `fc1.weight`. */
export function under(...paths: readonly string[]): RegExp {
  const literals = paths.map((path) => path.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${literals.length === 1 ? literals[0] : `(?:${literals.join('|')})`}\\.`);
}
