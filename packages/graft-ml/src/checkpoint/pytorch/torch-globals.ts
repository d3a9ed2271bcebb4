import { UserError } from '@graft-ml/core/internal/base/errors';
import { quote } from '@graft-ml/core/internal/base/quote';
import { dtypes, storageTypes } from './element-types.ts';
import { fail } from './pickle-machine.ts';
import { rebuildFunctions } from './tensor-refs.ts';
import { type Callable, isDict, isTuple, kindOf, type PickleValue } from './values.ts';

/**
 * Objects that training scripts save beside the weights. They are passed over: nothing of them is kept, and nothing in
 * them runs.
 */
const inert = [
  'numpy.dtype',
  'numpy.ndarray',
  ...['numpy.core', 'numpy._core'].flatMap((module) => [
    `${module}.multiarray.scalar`,
    `${module}.multiarray._reconstruct`,
    `${module}.numeric._frombuffer`,
  ]),
  '_codecs.encode',
  'argparse.Namespace',
  ...['Path', 'PosixPath', 'WindowsPath', 'PurePosixPath', 'PureWindowsPath'].map((name) => `pathlib.${name}`),
  ...['bytearray', 'complex', 'slice', 'range', 'int', 'float', 'str', 'bool'].map((name) => `builtins.${name}`),
  'torch.device',
  ...['per_tensor_affine', 'per_tensor_symmetric', 'per_channel_affine', 'per_channel_symmetric'].map(
    (name) => `torch.${name}`,
  ),
  'torch.serialization._get_layout',
];

const containers: Readonly<Record<string, Callable['call']>> = {
  'collections.OrderedDict': ([items], spend) => (items === undefined ? new Map() : dictOfPairs(items, spend)),
  'collections.defaultdict': () => new Map(),
  'collections.Counter': ([counts]) => (isDict(counts) ? counts : new Map()),
  'builtins.dict': () => new Map(),
  'builtins.list': () => [],
  'builtins.set': ([items]) => ({ kind: 'set', items: Array.isArray(items) ? items : [] }),
  'builtins.frozenset': ([items]) => ({ kind: 'set', items: Array.isArray(items) ? items : [] }),
  'torch.Size': ([sizes]) => (isTuple(sizes) ? sizes : fail(`torch.Size of ${kindOf(sizes)}`)),
};

/** Python 2 pickles an OrderedDict as a list of pairs, which are lists. */
function dictOfPairs(items: PickleValue, spend: (units: number) => void): PickleValue {
  if (!Array.isArray(items)) fail(`an OrderedDict is made of ${kindOf(items)}`);
  spend(items.length);
  return new Map(
    items.map((pair): [PickleValue, PickleValue] => {
      const [key, value] = Array.isArray(pair) ? pair : isTuple(pair) ? pair.items : [];
      return key === undefined || value === undefined
        ? fail('an OrderedDict has an item that is no pair')
        : [key, value];
    }),
  );
}

const untypedStorages = ['torch.UntypedStorage', 'torch.storage.UntypedStorage', 'torch.storage._UntypedStorage'];
const bytes = dtypes.get('torch.uint8')!;

const globals: ReadonlyMap<string, PickleValue> = new Map<string, PickleValue>([
  ...dtypes,
  ...storageTypes,
  ...untypedStorages.map((name): [string, PickleValue] => [name, bytes]),
  ...Object.entries({ ...containers, ...rebuildFunctions }).map(([name, call]): [string, PickleValue] => [
    name,
    { kind: 'callable', name, call },
  ]),
  ...inert.map((name): [string, PickleValue] => [
    name,
    { kind: 'callable', name, call: () => ({ kind: 'inert', name }) },
  ]),
]);

/**
 * Finds a global that a checkpoint's pickle may name. @throws UserError that names any other and says how to save
 * weights alone
 */
export function findGlobal(name: string, outermost: boolean): PickleValue {
  return globals.get(name) ?? throwGlobalError(name, outermost);
}

const saveWeights = "In Python, save the weights alone: torch.save(model.state_dict(), 'weights.pth').";

/** Modules with which a pickle runs programs, opens connections or loads code; nobody's weights need them. */
const dangerousModule =
  /^(os|posix|nt|sys|subprocess|shutil|socket|runpy|pty|importlib|ctypes|webbrowser|urllib|requests|pickle|code|marshal|operator)\./;
const dangerousBuiltin =
  /^builtins\.(eval|exec|execfile|compile|open|input|getattr|setattr|delattr|globals|locals|vars|map|filter|apply|breakpoint|__import__)$/;

/** Packages whose classes are modules of a network. */
const networkClass = /^(torch\.nn|torchvision\.models|timm|fastai|ultralytics|models|__main__)\./;

/** @throws UserError, always, with the name of what a pickle asks for */
function throwGlobalError(name: string, outermost: boolean): never {
  const shown = quote(name).slice(1, -1);
  if (dangerousModule.test(name) || dangerousBuiltin.test(name)) {
    throw new UserError(
      `It asks for ${shown}, which no weights need and which can run programs when Python loads the file. ` +
        'Do not load it there either, unless you know who made it.',
    );
  }
  if (name.startsWith('__torch__.')) throw torchScript();
  if (outermost || networkClass.test(name)) {
    throw new UserError(
      `It holds a whole model or object pickled as ${shown}, which only that class's own code can read. ${saveWeights}`,
    );
  }
  throw new UserError(
    `Beside the tensors it holds an object of ${shown}, which is not read: Graft knows tensors and plain ` +
      `containers, and runs no code. ${saveWeights}`,
  );
}

export function torchScript(): UserError {
  return new UserError(
    'It is a TorchScript program. In Python, save its weights alone: ' +
      "torch.save(torch.jit.load('model.pt').state_dict(), 'weights.pth').",
  );
}
