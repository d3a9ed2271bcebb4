import { alexnetModels } from './alexnet.ts';
import { conv4Models } from './conv4.ts';
import { convnextModels } from './convnext.ts';
import { densenetModels } from './densenet.ts';
import { efficientnetModels } from './efficientnet.ts';
import { futuramaModels } from './futurama.ts';
import { inceptionModels } from './inception.ts';
import { mobilenetV2Models } from './mobilenet-v2.ts';
import { mobilenetV3Models } from './mobilenet-v3.ts';
import type { NamedArchitecture } from './model.ts';
import { type ArchitectureName, unknownModel } from './names.ts';
import { regnetModels } from './regnet.ts';
import { residualConv4Models } from './residual-conv4.ts';
import { resnetModels } from './resnet.ts';
import { resnet12Models } from './resnet12.ts';
import { squeezenetModels } from './squeezenet.ts';
import { swinModels } from './swin.ts';
import { vggModels } from './vgg.ts';
import { vitModels } from './vit.ts';

const architectures: Readonly<Record<ArchitectureName, NamedArchitecture>> = {
  ...squeezenetModels,
  ...resnetModels,
  ...alexnetModels,
  ...vggModels,
  ...inceptionModels,
  ...densenetModels,
  ...mobilenetV2Models,
  ...mobilenetV3Models,
  ...efficientnetModels,
  ...regnetModels,
  ...convnextModels,
  ...vitModels,
  ...swinModels,
  ...conv4Models,
  ...residualConv4Models,
  ...futuramaModels,
  ...resnet12Models,
};

const zoo: ReadonlyMap<string, NamedArchitecture> = new Map(Object.entries(architectures));

/** The architecture of that name. @throws OptionError with the nearest names where there is none. */
export function getModel(name: string): NamedArchitecture {
  const model = zoo.get(name);
  if (!model) {
    throw unknownModel(name);
  }
  return model;
}
