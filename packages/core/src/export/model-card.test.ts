import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import type { Preprocessing } from '../models/index.ts';
import { usageOf } from './card-usage.ts';
import { code, type MetaCard, modelCardText, type TrainingCard } from './model-card.ts';

const preprocessing: Preprocessing = {
  resize: 256,
  crop: 224,
  interpolation: 'bilinear',
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
};

const card: TrainingCard = {
  kind: 'train',
  name: 'acme/flowers',
  licence: { id: 'apache-2.0' },
  base: {
    name: 'timm/resnet18.a1_in1k',
    hub: 'timm/resnet18.a1_in1k',
    licence: 'Apache-2.0',
    source: 'https://arxiv.org/abs/2110.00476',
  },
  dataset: null,
  architecture: 'resnet18',
  parameters: { total: 11_177_538, trained: 1026 },
  preprocessing,
  training: [['optimizer', 'adamw']],
  environment: 'Graft 0.2.0',
  caveats: [],
  usage: usageOf('hf', 'acme/flowers'),
  classes: ['rose', 'tulip'],
  data: { train: 80, validation: 20, test: 40 },
  measures: [
    {
      part: 'test',
      images: 40,
      accuracy: 0.925,
      interval: [0.801, 0.974],
      others: [{ type: 'f1', name: 'Macro F1', value: 0.9247 }],
      confused: [{ label: 'rose', predicted: 'tulip', count: 2, share: 0.1 }],
      classes: [
        { name: 'rose', images: 20, recall: 0.9, interval: [0.699, 0.972], precision: 0.947 },
        { name: 'tulip', images: 20, recall: 0.95, interval: [0.764, 0.991], precision: 0.905 },
      ],
      calibrationError: 0.041,
      known: 0,
    },
  ],
  dtypes: null,
  calibration: null,
};

/** The front matter as the hub parses it, and the Markdown after it. */
function parsed(text: string) {
  const [, matter, body] = /^---\n([\s\S]*?)\n---\n([\s\S]*)$/.exec(text)!;
  return { matter: parse(matter!, { version: '1.1' }), body: body! };
}

test('the front matter holds the fields of the hub', () => {
  expect(parsed(modelCardText(card)).matter).toEqual({
    license: 'apache-2.0',
    library_name: 'transformers.js',
    pipeline_tag: 'image-classification',
    tags: ['image-classification', 'graft', 'onnx'],
    base_model: 'timm/resnet18.a1_in1k',
    base_model_relation: 'finetune',
    metrics: ['accuracy', 'f1'],
    'model-index': [
      {
        name: 'acme/flowers',
        results: [
          {
            task: { type: 'image-classification', name: 'Image Classification' },
            dataset: { type: 'imagefolder', name: 'imagefolder', split: 'test' },
            metrics: [
              { type: 'accuracy', value: 0.925, name: 'Accuracy' },
              { type: 'f1', value: 0.9247, name: 'Macro F1' },
            ],
          },
        ],
      },
    ],
  });
});

test('the accuracy comes with its interval, and says of which images it is', () => {
  const tested = parsed(modelCardText(card)).body;
  expect(tested).toContain('**92.5 %** of 40 test images are classified correctly (95 % interval 80.1 % to 97.4 %).');
  expect(tested).toContain('neither trained on them nor chosen by them');
  expect(tested).toContain('- `rose` taken for `tulip`: 2 images, 10.0 % of its images');
  expect(tested).toContain('| `rose` | 20 | 90.0 % | 69.9 % to 97.2 % | 94.7 % |');
  const measures = [{ ...card.measures[0]!, part: 'validation' as const, known: 3 }];
  const validated = parsed(modelCardText({ ...card, measures })).body;
  expect(validated).toContain('The best epoch was chosen by these images, so that on new ones expect somewhat less.');
  expect(validated).toContain('3 of them were among the images that it was fitted to.');
  expect(validated).toContain('No images were kept aside for testing.');
  const { matter, body } = parsed(modelCardText({ ...card, measures: [] }));
  expect(matter['model-index']).toBeUndefined();
  expect(body).toContain('It was not measured');
});

test('licences: of the hub’s list, with a name of their own, and none', () => {
  const own = { id: 'other', name: 'dinov3-license', link: 'https://example.org/licence' } as const;
  expect(parsed(modelCardText({ ...card, licence: own })).matter).toMatchObject({
    license: 'other',
    license_name: 'dinov3-license',
    license_link: 'https://example.org/licence',
  });
  const { matter, body } = parsed(modelCardText({ ...card, licence: null, base: null }));
  expect(matter.license).toBeUndefined();
  expect(matter.base_model).toBeUndefined();
  expect(body).toContain('No licence is stated.');
});

test('a calibrated model says how', () => {
  const calibration = { temperature: 1.625, images: 20, before: 0.09, after: 0.03 };
  const { body } = parsed(modelCardText({ ...card, calibration }));
  expect(body).toContain('A temperature of 1.625 was fitted to 20 validation images');
});

test('what other numbers than fp32 cost stands in it', () => {
  const row = (dtype: string, accuracy: number, agreement: number, bytes: number) => ({
    ...{ dtype, accuracy, interval: [accuracy - 0.05, accuracy + 0.05] as const, agreement, bytes },
  });
  const rows = [row('fp32', 0.9, 1, 2_911_646), row('int8', 0.875, 0.95, 811_000)];
  const { body } = parsed(modelCardText({ ...card, dtypes: { part: 'test', images: 40, rows } }));
  expect(body).toContain('On 40 test images:');
  expect(body).toContain('| int8 | 87.5 % | 82.5 % to 92.5 % | 95.0 % | 0.81 |');
});

test('a meta-learned run says its tasks, and how it is adapted', () => {
  const side = { classes: 10, images: 200 };
  const meta: MetaCard = {
    ...card,
    kind: 'meta',
    learner: 'protonet',
    shape: { way: 5, shots: 1, queries: 15 },
    data: { train: side, validation: side, test: side },
    measure: { side: 'test', episodes: 600, accuracy: 0.874, margin: 0.006 },
    usage: usageOf('run', 'acme/few'),
  };
  const { matter, body } = parsed(modelCardText(meta));
  expect(matter.tags).toEqual(['image-classification', 'graft', 'safetensors', 'few-shot', 'meta-learning']);
  expect(body).toContain('**87.4 %** ± 0.6 % (95 % interval of the mean) on 5-way 1-shot tasks, 600 episodes');
  expect(body).toContain('graft pull acme/few --out model\ngraft meta adapt model images/');
});

describe('names from a dataset are names and nothing else', () => {
  const hostile = [
    '---\nlicense: mit\n---',
    '"; rm -rf ~ #',
    'a | b | c',
    '`code` ```',
    '</td><script>alert(1)</script>',
    '![x](https://evil.example/x.png)',
    'https://evil.example',
    '\u202Eevil\u0007\u0085',
    '\ud800\uffff',
    '{{ constructor }}',
    '# title',
    '',
  ];

  test.each(hostile)('%j', (name) => {
    const [first] = card.measures;
    const classes = [{ ...first!.classes![0]!, name }, first!.classes![1]!];
    const confused = [{ label: name, predicted: name, count: 1, share: 0.5 }];
    const measures = [{ ...first!, classes, confused }];
    const training = [[name, name]] as const;
    const text = modelCardText({ ...card, name, classes: [name, 'tulip'], measures, training, architecture: name });
    const { matter, body } = parsed(text);
    expect(matter.license).toBe('apache-2.0');
    expect(matter['model-index'][0].name).toBe(name.replace(/[\ud800\uffff]/g, '\ufffd'));
    // Outside code there is neither HTML nor a link, and every table keeps its columns.
    const outside = body.replace(/^```\w+\n[\s\S]*?^```$/gm, '').replace(/(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)/g, 'CODE');
    expect(outside).not.toMatch(/<|!\[|\]\(https:\/\/evil|[^\\]:\/\/evil|[\p{Cf}\u0085]/u);
    for (const row of outside.match(/^\| CODE.*$/gm)!) expect(row.match(/(?<!\\)\|/g)).toHaveLength(6);
    expect(body.match(/^# /gm)).toHaveLength(1);
  });

  test('code ends where it began', () => {
    expect([code('a'), code('a`b'), code('`'), code('')]).toEqual(['`a`', '``a`b``', '`` ` ``', '`  `']);
  });
});
