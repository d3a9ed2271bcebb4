import { fail } from './pickle-machine.ts';
import { type Dict, isDict, isKind, isTuple, type PickleValue } from './values.ts';

/** @throws UserError where a container contains itself, however deep. */
export function expectAcyclic(root: PickleValue): void {
  // Depth first with a stack of its own, so that no nesting is too deep.
  const done = new Set<object>();
  const open = new Set<object>();
  const path: { readonly container: object; readonly children: Iterator<PickleValue> }[] = [];
  const visit = (value: PickleValue) => {
    const children = childrenOf(value);
    if (!children || done.has(value as object)) return;
    if (open.has(value as object)) fail('an object contains itself');
    open.add(value as object);
    path.push({ container: value as object, children });
  };
  visit(root);
  for (let last = path.at(-1); last; last = path.at(-1)) {
    const { value, done: finished } = last.children.next();
    if (!finished) {
      visit(value);
      continue;
    }
    path.pop();
    open.delete(last.container);
    done.add(last.container);
  }
}

function childrenOf(value: PickleValue): Iterator<PickleValue> | undefined {
  if (Array.isArray(value)) return value.values();
  if (isDict(value)) return keysAndValues(value);
  if (isTuple(value) || isKind(value, 'set')) return value.items.values();
  return undefined;
}

function* keysAndValues(dict: Dict): Generator<PickleValue> {
  for (const [key, value] of dict) {
    yield key;
    yield value;
  }
}
