import { plural } from '../base/plural.ts';
import { printableJson, printableName } from '../base/printable.ts';
import type { Preprocessing } from '../models/index.ts';
import { cardUsage, type ModelCardUsage } from './card-usage.ts';

/** A licence as the Hugging Face hub names it: an identifier of its list, or a name of its own with a link. */
export type CardLicence =
  | { readonly id: string }
  | { readonly id: 'other'; readonly name: string; readonly link: string | null };

/** The published weights that a model began with. */
export interface CardBase {
  /** Their name in Graft: `timm/resnet18.a1_in1k`. */
  readonly name: string;
  /** Their repository on the hub; null where they are published elsewhere. */
  readonly hub: string | null;
  /** The licence by SPDX; null where none is stated. */
  readonly licence: string | null;
  /** A link to the training recipe or the publisher. */
  readonly source: string;
}

/** A class among those of a measured part. */
export interface CardClass {
  readonly name: string;
  /** Images of it. */
  readonly images: number;
  /** The share of them that was recognised, with its 95 % interval; NaN without images. */
  readonly recall: number;
  readonly interval: readonly [low: number, high: number];
  /** The share of right answers among those that say this class; NaN where none does. */
  readonly precision: number;
}

/** Images on which the accuracy of a model was measured. Shares are in [0, 1]. */
export interface CardMeasure {
  readonly part: 'validation' | 'test';
  readonly images: number;
  readonly accuracy: number;
  /** 95 % (Wilson 1927). */
  readonly interval: readonly [low: number, high: number];
  /** Further metrics by the hub's names, such as `f1`. */
  readonly others: readonly { readonly type: string; readonly name: string; readonly value: number }[];
  /** Classes of which one is taken for the other, the most frequent first. */
  readonly confused: readonly {
    readonly label: string;
    readonly predicted: string;
    readonly count: number;
    readonly share: number;
  }[];
  /** Null where only the accuracy is known. */
  readonly classes: readonly CardClass[] | null;
  /** The expected calibration error; null where it was not measured. */
  readonly calibrationError: number | null;
  /** The number of its images that the model was fitted to. */
  readonly known: number;
}

/** A model in one number format: `fp32`, `fp16`, `int8`. */
export interface CardDtype {
  readonly dtype: string;
  readonly accuracy: number;
  /** 95 % (Wilson 1927). */
  readonly interval: readonly [low: number, high: number];
  /** The share of the images that it puts into the class that fp32 does. */
  readonly agreement: number;
  /** Of the network's file. */
  readonly bytes: number;
}

/** A model in the number formats that it is published in, on the same images. */
export interface CardDtypes {
  /** `all`: none were kept aside. */
  readonly part: string;
  readonly images: number;
  /** fp32 first, published or not. */
  readonly rows: readonly CardDtype[];
}

/** How probabilities were calibrated. */
export interface CardCalibration {
  readonly temperature: number;
  /** Validation images that it was fitted to. */
  readonly images: number;
  /** The expected calibration error of those images, in [0, 1]. */
  readonly before: number;
  readonly after: number;
}

/** The facts common to the model cards of all runs. */
interface CardFacts {
  /** The title: a name, or `owner/name` on the hub. */
  readonly name: string;
  readonly licence: CardLicence | null;
  readonly base: CardBase | null;
  /** The dataset's name on the hub; null where it is not published there. */
  readonly dataset: string | null;
  readonly architecture: string;
  readonly parameters: { readonly total: number; readonly trained: number };
  readonly preprocessing: Preprocessing;
  /** The options that matter, as pairs of a name and a value. */
  readonly training: readonly (readonly [name: string, value: string])[];
  /** Versions and machine: `Graft 0.2.0, ONNX Runtime 1.30.0, Node 20.20.2; cpu`. */
  readonly environment: string;
  /** Sentences about what the numbers do not say. */
  readonly caveats: readonly string[];
  readonly usage: ModelCardUsage;
}

/** A classifier of images. */
export interface TrainingCard extends CardFacts {
  readonly kind: 'train';
  readonly classes: readonly string[];
  /** Images of each part. */
  readonly data: { readonly train: number; readonly validation: number; readonly test: number };
  /** The test part first, if there is one. */
  readonly measures: readonly CardMeasure[];
  /** Null where it is published in fp32 alone, or the others were not compared. */
  readonly dtypes: CardDtypes | null;
  readonly calibration: CardCalibration | null;
}

/** A meta-learned starting point, which has no classes of its own. */
export interface MetaCard extends CardFacts {
  readonly kind: 'meta';
  readonly learner: string;
  readonly shape: { readonly way: number; readonly shots: number; readonly queries: number };
  readonly data: Readonly<
    Record<'train' | 'validation' | 'test', { readonly classes: number; readonly images: number }>
  >;
  /** The mean accuracy over episodes of unseen classes and half its 95 % interval; null where it was not measured. */
  readonly measure: {
    readonly side: 'validation' | 'test';
    readonly episodes: number | null;
    readonly accuracy: number;
    readonly margin: number | null;
  } | null;
}

/** The facts of a model card. */
export type ModelCard = TrainingCard | MetaCard;

/** The most classes in the table of a card. */
const mostClasses = 100;

/**
 * A model card in Hugging Face's form: a README.md whose YAML front matter the hub indexes. Names from a dataset are
 * quoted in both, so that none can end a string, a table or the front matter, or become a link.
 *
 * Source: the hub's specification of model cards (huggingface/hub-docs, modelcard.md).
 */
export function modelCardText(card: ModelCard): string {
  const sections = card.kind === 'train' ? trainingSections(card) : metaSections(card);
  return `${frontMatter(card)}\n${[`# ${text(card.name)}`, ...sections].join('\n\n')}\n`;
}

function trainingSections(card: TrainingCard): string[] {
  const { classes, data, measures, usage } = card;
  const [first] = measures;
  const shown = classes.slice(0, mostClasses).map(code).join(', ');
  const more = classes.length > mostClasses ? ` and ${classes.length - mostClasses} more` : '';
  return [
    `An image classifier of ${plural(classes.length, 'class', 'classes')}, ${origin(card)}. Made with [Graft](https://www.npmjs.com/package/graft-ml).`,
    `**Classes:** ${shown}${more}.`,
    '## Accuracy',
    ...(first === undefined
      ? ['It was not measured: the run kept no images aside.']
      : [...measures.map(measureText), ...confusionText(first), ...classTable(first)]),
    ...dtypesText(card),
    ...calibrationText(card),
    '## Training data',
    `${plural(data.train, 'training image')}, ${data.validation} for validation, ${data.test} for testing. ${dataset(card)}`,
    ...trainingText(card),
    '## Preprocessing',
    preprocessingText(card.preprocessing),
    '## Use',
    ...cardUsage(usage, card),
    '## Limits',
    limits([
      'Every image is given one of its classes, also one that shows none of them: look at the probability, and test what you do with low ones.',
      measures.some(({ part }) => part === 'test')
        ? 'The test images come from the same source as the training images. On images of another source (camera, light, background) it may do worse; measure that on images of your own.'
        : 'No images were kept aside for testing. Measure it on images of your own, from where it is to be used, before you rely on it.',
      ...card.caveats,
    ]),
    licenceText(card),
  ];
}

function metaSections(card: MetaCard): string[] {
  const { shape, measure, data, learner } = card;
  const sides = (['train', 'validation', 'test'] as const).map(
    (side) => `| ${side} | ${data[side].classes} | ${data[side].images} |`,
  );
  return [
    `A meta-learned starting point (${text(learner)}) for classifiers of images: it adapts to new classes from a few images of each, and has no classes of its own. Made with [Graft](https://www.npmjs.com/package/graft-ml).`,
    '## Accuracy',
    measure === null ? 'It was not measured.' : metaMeasureText(measure, shape),
    '## Training data',
    `| side | classes | images |\n|---|---:|---:|\n${sides.join('\n')}`,
    dataset(card),
    ...trainingText(card),
    '## Preprocessing',
    preprocessingText(card.preprocessing),
    '## Use',
    ...cardUsage(card.usage, card),
    '## Limits',
    limits([
      `It was measured on tasks of ${shape.way} classes with ${plural(shape.shots, 'image')} of each. With other numbers, or images unlike those it was trained on, it may do worse.`,
      ...card.caveats,
    ]),
    licenceText(card),
  ];
}

function metaMeasureText(
  { side, episodes, accuracy, margin }: NonNullable<MetaCard['measure']>,
  { way, shots }: MetaCard['shape'],
): string {
  const interval = margin === null ? '' : ` ± ${percent(margin)} (95 % interval of the mean)`;
  const tasks = `${way}-way ${shots}-shot ${episodes === null ? 'tasks' : `tasks, ${plural(episodes, 'episode')}`}`;
  const how =
    side === 'test'
      ? 'none of which it was trained on or chosen by'
      : 'by which its best weights were chosen, so that on others expect somewhat less';
  return `**${percent(accuracy)}**${interval} on ${tasks} of ${side} classes, ${how}. Guessing gives ${percent(1 / way)}.`;
}

function origin({ base, parameters, architecture }: ModelCard): string {
  const share = parameters.trained === parameters.total ? 'all' : parameters.trained.toLocaleString('en');
  const network = `${code(architecture)} (${parameters.total.toLocaleString('en')} parameters, ${share} of them trained)`;
  return base === null ? network : `${network}, fine-tuned from ${code(base.name)}`;
}

const partNames = { validation: 'validation', test: 'test' } as const;

function measureText({ part, images, accuracy, interval, others, known }: CardMeasure): string {
  const [low, high] = interval;
  const how =
    part === 'test'
      ? 'They were kept aside: it was neither trained on them nor chosen by them.'
      : 'The best epoch was chosen by these images, so that on new ones expect somewhat less.';
  const seen =
    known === 0 ? '' : ` ${known} of them ${known === 1 ? 'was' : 'were'} among the images that it was fitted to.`;
  const more = others.map(({ name, value }) => `${name} ${value.toFixed(3)}`).join(', ');
  return (
    `**${percent(accuracy)}** of ${plural(images, `${partNames[part]} image`)} are classified correctly ` +
    `(95 % interval ${percent(low)} to ${percent(high)}). ${how}${seen}${more && ` ${more}.`}`
  );
}

function confusionText({ confused }: CardMeasure): string[] {
  if (confused.length === 0) return [];
  const lines = confused.map(
    ({ label, predicted, count, share }) =>
      `- ${code(label)} taken for ${code(predicted)}: ${plural(count, 'image')}, ${percent(share)} of its images`,
  );
  return [`Most frequent confusions:\n\n${lines.join('\n')}`];
}

function classTable({ part, classes }: CardMeasure): string[] {
  if (classes === null) return [];
  const rows = classes.slice(0, mostClasses).map(({ name, images, recall, interval: [low, high], precision }) => {
    const between = images === 0 ? '' : `${percent(low)} to ${percent(high)}`;
    return `| ${cell(code(name))} | ${images} | ${percent(recall)} | ${between} | ${percent(precision)} |`;
  });
  const left = classes.length - rows.length;
  const head = `| class | ${partNames[part]} images | recall | 95 % interval | precision |\n|---|---:|---:|---|---:|`;
  return [`${head}\n${rows.join('\n')}`, ...(left > 0 ? [`And ${plural(left, 'more class', 'more classes')}.`] : [])];
}

function dtypesText({ dtypes }: TrainingCard): string[] {
  if (dtypes === null) return [];
  const rows = dtypes.rows.map(
    ({ dtype, accuracy, interval: [low, high], agreement, bytes }) =>
      `| ${dtype} | ${percent(accuracy)} | ${percent(low)} to ${percent(high)} | ${percent(agreement)} | ${(bytes / 1e6).toFixed(2)} |`,
  );
  const images = dtypes.part === 'all' ? 'image' : `${dtypes.part} image`;
  return [
    '## Number formats',
    `On ${plural(dtypes.images, images)}:`,
    `| numbers | accuracy | 95 % interval | same class as fp32 | MB |\n|---|---:|---|---:|---:|\n${rows.join('\n')}`,
  ];
}

function calibrationText({ calibration, measures }: TrainingCard): string[] {
  const error = measures[0]?.calibrationError ?? null;
  const measured =
    error === null ? '' : `The expected calibration error on the ${measures[0]!.part} images is ${percent(error)}.`;
  if (calibration === null) {
    return error === null ? [] : ['## Calibration', `Its probabilities are not calibrated. ${measured}`];
  }
  const { temperature, images, before, after } = calibration;
  return [
    '## Calibration',
    `A temperature of ${temperature.toFixed(3)} was fitted to ${plural(images, 'validation image')}: the logits of the model are divided by it already. On those images it changed the expected calibration error from ${percent(before)} to ${percent(after)}. ${measured}`.trimEnd(),
  ];
}

function dataset({ dataset: name }: ModelCard): string {
  return name === null
    ? 'The images are not published with the model.'
    : `The dataset is [${text(name)}](https://huggingface.co/datasets/${name}).`;
}

function trainingText({ training, environment }: ModelCard): string[] {
  const rows = training.map(([name, value]) => `| ${text(name)} | ${cell(code(value))} |`);
  return [
    '## Training',
    ...(rows.length > 0 ? [`| option | value |\n|---|---|\n${rows.join('\n')}`] : []),
    `${text(environment)}.`,
  ];
}

/** The preprocessing in a sentence. */
function preprocessingText({ resize, crop, squash, interpolation, mean, std, ...others }: Preprocessing): string {
  const size = squash
    ? `Images are resized to ${resize} × ${resize} pixels, whatever their proportions, and the centre cut out, ${crop} × ${crop}`
    : `The shorter side of an image is resized to ${resize} pixels and its centre cut out, ${crop} × ${crop}`;
  const ignored = [
    ...(others.orientation === 'ignore' ? ['EXIF orientation'] : []),
    ...(others.colourProfile === 'ignore' ? ['colour profiles'] : []),
  ];
  const left = ignored.length > 0 ? ` Ignored: ${ignored.join(' and ')}.` : '';
  return `${size} (${interpolation}, antialiased). Red, green and blue in [0, 1] are normalised with mean ${mean.join(', ')} and standard deviation ${std.join(', ')}.${left}`;
}

function limits(sentences: readonly string[]): string {
  return sentences.map((sentence) => `- ${sentence}`).join('\n');
}

function licenceText({ licence, base }: ModelCard): string {
  const own =
    licence === null
      ? 'No licence is stated.'
      : licence.id === 'other' && 'name' in licence
        ? `Licence: ${code(licence.name)}.`
        : `Licence: ${code(licence.id)}.`;
  const began =
    base === null
      ? ''
      : ` It began with ${code(base.name)} ([source](${base.source})), whose licence is ${base.licence === null ? 'not stated' : code(base.licence)}.`;
  return `## Licence\n\n${own}${began}`;
}

function frontMatter(card: ModelCard): string {
  const { licence, base, dataset: name, usage, kind } = card;
  const lines = [
    ...(licence === null ? [] : licenceLines(licence)),
    `library_name: ${scalar(usage.library)}`,
    'pipeline_tag: image-classification',
    'tags:',
    ...['image-classification', 'graft', ...usage.tags, ...(kind === 'meta' ? ['few-shot', 'meta-learning'] : [])].map(
      (tag) => `- ${scalar(tag)}`,
    ),
    ...(base?.hub ? [`base_model: ${scalar(base.hub)}`, 'base_model_relation: finetune'] : []),
    ...(name === null ? [] : ['datasets:', `- ${scalar(name)}`]),
    ...resultLines(card),
  ];
  return `---\n${lines.join('\n')}\n---\n`;
}

function licenceLines(licence: CardLicence): string[] {
  if (!('name' in licence)) return [`license: ${scalar(licence.id)}`];
  const link = licence.link === null ? [] : [`license_link: ${scalar(licence.link)}`];
  return ['license: other', `license_name: ${scalar(licence.name)}`, ...link];
}

interface Result {
  readonly part: string;
  readonly metrics: readonly { readonly type: string; readonly name: string; readonly value: number }[];
}

function resultsOf(card: ModelCard): Result[] {
  const accuracy = (value: number) => ({ type: 'accuracy', name: 'Accuracy', value });
  if (card.kind === 'train') {
    return card.measures.map(({ part, accuracy: value, others }) => ({ part, metrics: [accuracy(value), ...others] }));
  }
  return card.measure === null ? [] : [{ part: card.measure.side, metrics: [accuracy(card.measure.accuracy)] }];
}

/** The results as the hub's `model-index`, whose datasets need a type and a name. */
function resultLines(card: ModelCard): string[] {
  const results = resultsOf(card);
  if (results.length === 0) return [];
  const types = [...new Set(results.flatMap(({ metrics }) => metrics.map(({ type }) => type)))];
  // `imagefolder` is what the field calls images in folders by class.
  const dataset = scalar(card.dataset ?? 'imagefolder');
  return [
    'metrics:',
    ...types.map((type) => `- ${type}`),
    'model-index:',
    `- name: ${scalar(card.name)}`,
    '  results:',
    ...results.flatMap(({ part, metrics }) => [
      '  - task:',
      '      type: image-classification',
      '      name: Image Classification',
      '    dataset:',
      `      type: ${dataset}`,
      `      name: ${dataset}`,
      `      split: ${part}`,
      '    metrics:',
      ...metrics.flatMap(({ type, name, value }) => [
        `    - type: ${type}`,
        `      value: ${Number(value.toFixed(6))}`,
        `      name: ${scalar(name)}`,
      ]),
    ]),
  ];
}

/** What no parser of YAML 1.1 takes unescaped, beyond what `printableJson` escapes; halves of surrogate pairs go. */
const notCharacters = /[\ufffe\uffff\p{Cs}]/gu;

/** A plain scalar where it cannot be taken for anything else, or a JSON string, which is YAML, too. */
function scalar(value: string): string {
  const isPlain = /^[a-z][a-z0-9/._-]*$/i.test(value) && !/^(true|false|null|yes|no|on|off|y|n)$/i.test(value);
  return isPlain ? value : printableJson(value.replace(notCharacters, '\ufffd'));
}

/** Text that Markdown takes as nothing but text. */
function text(value: string): string {
  return printableName(value)
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/[\\`*_{}[\]()#+!|~$>:@]/g, '\\$&');
}

/** A name as code, in which Markdown, HTML and links mean nothing. It ends where as many backticks stand as it began with. */
export function code(value: string): string {
  const name = printableName(value);
  const longest = Math.max(0, ...(name.match(/`+/g) ?? []).map(({ length }) => length));
  const fence = '`'.repeat(longest + 1);
  const isPadded = name === '' || /^[` ]|[` ]$/.test(name);
  return isPadded ? `${fence} ${name} ${fence}` : `${fence}${name}${fence}`;
}

/** Code in a table, where a bar would end the cell even within it. */
function cell(markdown: string): string {
  return markdown.replaceAll('|', '\\|');
}

function percent(share: number): string {
  return Number.isFinite(share) ? `${(100 * share).toFixed(1)} %` : '–';
}
