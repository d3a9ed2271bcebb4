import { unknownName } from '../base/choice.ts';
import { OptionError } from '../base/errors.ts';
import { alexnet, alexnets } from './alexnet.ts';
import { conv4, conv4s } from './conv4.ts';
import { convnext, convnexts } from './convnext.ts';
import { densenet, densenets } from './densenet.ts';
import { efficientnet, efficientnets, efficientnetV2s } from './efficientnet.ts';
import { futurama, futuramas } from './futurama.ts';
import { inception, inceptions } from './inception.ts';
import { mobilenetV2, mobilenetV2s } from './mobilenet-v2.ts';
import { mobilenetV3, mobilenetV3s } from './mobilenet-v3.ts';
import { type Architecture, imageNetPreprocessing, type NamedArchitecture, type Preprocessing } from './model.ts';
import { type ArchitectureName, listArchitectures } from './names.ts';
import { regnet, regnets } from './regnet.ts';
import { residualConv4, residualConv4s } from './residual-conv4.ts';
import { resnet, resnets, resnexts, wideResnets } from './resnet.ts';
import { resnet12, resnet12s } from './resnet12.ts';
import { squeezenet, squeezenets } from './squeezenet.ts';
import { swin, swins } from './swin.ts';
import { vgg, vggs } from './vgg.ts';
import { vit, vits } from './vit.ts';

/** All variants of one paper. Deviations from the usual preprocessing are given by variant. */
function family<Name extends ArchitectureName, C>(
  variants: Readonly<Record<Name, C>>,
  build: (config: C) => Architecture,
  source: string,
  preprocessing: { readonly [N in Name]?: Partial<Preprocessing> } = {},
): Record<Name, NamedArchitecture> {
  return byName(variants, (config, name) => {
    const own = preprocessing[name];
    return { name, source, preprocessing: { ...imageNetPreprocessing, ...own }, ...build(config) };
  });
}

/** A record with the same names. */
function byName<Name extends string, A, B>(record: Readonly<Record<Name, A>>, make: (value: A, name: Name) => B) {
  const entries = Object.entries<A>(record).map(([name, value]) => [name, make(value, name as Name)] as const);
  return Object.fromEntries(entries) as Record<Name, B>;
}

/** Larger images, pixels in ±1. */
const inceptionPreprocessing: Partial<Preprocessing> = {
  resize: 342,
  crop: 299,
  mean: [0.5, 0.5, 0.5],
  std: [0.5, 0.5, 0.5],
};

/** The model with preprocessing for characters and other small images, which are not cropped. */
function small(model: NamedArchitecture): NamedArchitecture {
  const half = [0.5, 0.5, 0.5] as const;
  return { ...model, preprocessing: { ...model.preprocessing, resize: 28, crop: 28, mean: half, std: half } };
}

const seenWhole = (side: number): Partial<Preprocessing> => ({ resize: side, crop: side, interpolation: 'bicubic' });

const architectures: Readonly<Record<ArchitectureName, NamedArchitecture>> = {
  ...family(squeezenets, squeezenet, 'Iandola et al. 2016, arXiv 1602.07360'),
  ...family(resnets, resnet, 'He et al. 2015, arXiv 1512.03385'),
  ...family(resnexts, resnet, 'Xie et al. 2016, arXiv 1611.05431'),
  ...family(wideResnets, resnet, 'Zagoruyko & Komodakis 2016, arXiv 1605.07146'),
  ...family(alexnets, alexnet, 'Krizhevsky 2014, arXiv 1404.5997'),
  ...family(vggs, vgg, 'Simonyan & Zisserman 2014, arXiv 1409.1556'),
  ...family(inceptions, inception, 'Szegedy et al. 2015, arXiv 1512.00567', {
    inception_v3: inceptionPreprocessing,
    inception_v3_no_aux: inceptionPreprocessing,
  }),
  ...family(densenets, densenet, 'Huang et al. 2016, arXiv 1608.06993'),
  ...family(mobilenetV2s, mobilenetV2, 'Sandler et al. 2018, arXiv 1801.04381', { mobilenet_v2: { resize: 232 } }),
  ...family(mobilenetV3s, mobilenetV3, 'Howard et al. 2019, arXiv 1905.02244', {
    mobilenet_v3_small_timm: { interpolation: 'bicubic' },
    mobilenet_v3_large: { resize: 232 },
    mobilenet_v3_large_timm: { interpolation: 'bicubic' },
  }),
  ...family(efficientnets, efficientnet, 'Tan & Le 2019, arXiv 1905.11946', {
    efficientnet_b0: { interpolation: 'bicubic' },
    efficientnet_b1: { resize: 255, crop: 240 },
    efficientnet_b2: seenWhole(288),
    efficientnet_b3: { resize: 320, crop: 300, interpolation: 'bicubic' },
    efficientnet_b4: { resize: 384, crop: 380, interpolation: 'bicubic' },
    efficientnet_b5: seenWhole(456),
    efficientnet_b5_timm: seenWhole(448),
    efficientnet_b6: seenWhole(528),
    efficientnet_b7: seenWhole(600),
  }),
  ...family(efficientnetV2s, efficientnet, 'Tan & Le 2021, arXiv 2104.00298', {
    efficientnet_v2_s: { resize: 384, crop: 384 },
  }),
  ...family(regnets, regnet, 'Radosavovic et al. 2020, arXiv 2003.13678', {
    regnet_y_400mf: { resize: 232 },
    regnet_y_800mf: { resize: 232 },
  }),
  ...family(convnexts, convnext, 'Liu et al. 2022, arXiv 2201.03545', {
    convnext_tiny: { resize: 236 },
    convnext_small: { resize: 230 },
    convnext_base: { resize: 232 },
    convnext_large: { resize: 232 },
  }),
  ...family(vits, vit, 'Dosovitskiy et al. 2020, arXiv 2010.11929', {
    vit_b_16_384: seenWhole(384),
    vit_b_32_384: seenWhole(384),
    vit_l_16: { resize: 242 },
    vit_l_16_384: seenWhole(384),
    vit_l_16_512: seenWhole(512),
  }),
  ...family(swins, swin, 'Liu et al. 2021, arXiv 2103.14030', { swin_t: { resize: 232, interpolation: 'bicubic' } }),
  ...byName(family(conv4s, conv4, 'Vinyals et al. 2016, arXiv 1606.04080'), small),
  ...byName(family(residualConv4s, residualConv4, 'He et al. 2015, arXiv 1512.03385, on conv-4'), small),
  ...byName(family(futuramas, futurama, 'github.com/lif31up/model-agnostic-meta-learning'), small),
  ...family(resnet12s, resnet12, 'Lee et al. 2019, arXiv 1904.03758', {
    resnet12: { resize: 84, crop: 84 },
    resnet12_wide: { resize: 84, crop: 84 },
  }),
};

const zoo: ReadonlyMap<string, NamedArchitecture> = new Map(Object.entries(architectures));

/** The architecture of that name. @throws OptionError with the nearest names where there is none. */
export function getModel(name: string): NamedArchitecture {
  const model = zoo.get(name);
  if (!model) {
    const problem = ` ${unknownName(name, listArchitectures(), '`listModels()` lists all.')}`;
    throw new OptionError({ option: 'model', expected: 'an architecture', received: name, problem });
  }
  return model;
}
