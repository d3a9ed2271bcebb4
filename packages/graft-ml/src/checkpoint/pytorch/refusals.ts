import { UserError } from '@graft-ml/core/internal/base/errors';
import { quote } from '@graft-ml/core/internal/base/quote';

const saveWeights = "In Python, save the weights alone: torch.save(model.state_dict(), 'weights.pth').";

/** Modules with which a pickle runs programs, opens connections or loads code; nobody's weights need them. */
const dangerousModule =
  /^(os|posix|nt|sys|subprocess|shutil|socket|runpy|pty|importlib|ctypes|webbrowser|urllib|requests|pickle|code|marshal|operator)\./;
const dangerousBuiltin =
  /^builtins\.(eval|exec|execfile|compile|open|input|getattr|setattr|delattr|globals|locals|vars|map|filter|apply|breakpoint|__import__)$/;

/** Packages whose classes are modules of a network. */
const networkClass = /^(torch\.nn|torchvision\.models|timm|fastai|ultralytics|models|__main__)\./;

/** @throws UserError, always, with the name of what a pickle asks for */
export function throwGlobalError(name: string, outermost: boolean): never {
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
