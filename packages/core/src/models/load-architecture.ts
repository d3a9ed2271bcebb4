import type { NamedArchitecture } from './model.ts';
import { unknownModel } from './names.ts';

type Models = Readonly<Record<string, NamedArchitecture>>;

/** The modules of the zoo, by the names of their models. The first that fits is it. */
const modules: readonly (readonly [names: RegExp, load: () => Promise<Models>])[] = [
  [/^resnet12/, async () => (await import('./resnet12.ts')).resnet12Models],
  [/^squeezenet/, async () => (await import('./squeezenet.ts')).squeezenetModels],
  [/^(wide_)?resnet|^resnext/, async () => (await import('./resnet.ts')).resnetModels],
  [/^alexnet/, async () => (await import('./alexnet.ts')).alexnetModels],
  [/^vgg/, async () => (await import('./vgg.ts')).vggModels],
  [/^inception/, async () => (await import('./inception.ts')).inceptionModels],
  [/^densenet/, async () => (await import('./densenet.ts')).densenetModels],
  [/^mobilenet_v2/, async () => (await import('./mobilenet-v2.ts')).mobilenetV2Models],
  [/^mobilenet_v3/, async () => (await import('./mobilenet-v3.ts')).mobilenetV3Models],
  [/^efficientnet/, async () => (await import('./efficientnet.ts')).efficientnetModels],
  [/^regnet/, async () => (await import('./regnet.ts')).regnetModels],
  [/^convnext/, async () => (await import('./convnext.ts')).convnextModels],
  [/^vit/, async () => (await import('./vit.ts')).vitModels],
  [/^swin/, async () => (await import('./swin.ts')).swinModels],
  [/^conv4/, async () => (await import('./conv4.ts')).conv4Models],
  [/^residual_conv4/, async () => (await import('./residual-conv4.ts')).residualConv4Models],
  [/^futurama/, async () => (await import('./futurama.ts')).futuramaModels],
];

/**
 * The architecture of that name, of which its own module alone is loaded: a page does not need the whole zoo.
 * @throws OptionError (by rejection) with the nearest names where there is none
 */
export async function loadArchitecture(name: string): Promise<NamedArchitecture> {
  const found = modules.find(([names]) => names.test(name));
  const models = (await found?.[1]()) ?? {};
  if (!Object.hasOwn(models, name)) throw unknownModel(name);
  return models[name]!;
}
