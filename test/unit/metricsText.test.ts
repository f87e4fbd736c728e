import assert from 'node:assert/strict';
import { metricsText, type Family } from '../../src/adapters/http/metricsText.ts';
import { parsePrometheus } from '../support/prometheus.ts';

const gauge = (values: Family['values']): Family => ({
  name: 'ampa_g',
  help: 'Help with a \\ and a\nline.',
  type: 'gauge',
  labels: ['a', 'b'],
  values,
});

describe('figures as text', () => {
  it('keep every character of their labels', async () => {
    const labels = { a: 'x"y\\z\nö', b: '' };
    const { text, type } = await metricsText([gauge([{ labels, value: -1.5e-9 }])]);
    assert.equal(type, 'text/plain; version=0.0.4; charset=utf-8');
    const [sample] = parsePrometheus(text).get('ampa_g')!.samples;
    assert.deepEqual([sample!.labels, sample!.value], [labels, -1.5e-9]);
  });

  it('may come from several scrapes at once', async () => {
    const texts = await Promise.all([1, 2].map((value) => metricsText([gauge([{ labels: { a: '', b: '' }, value }])])));
    assert.deepEqual(
      texts.map(({ text }) =>
        parsePrometheus(text)
          .get('ampa_g')!
          .samples.map((it) => it.value),
      ),
      [[1], [2]],
    );
  });

  it('add up in a histogram', async () => {
    const values = [
      { labels: { le: '+Inf' }, value: 1 },
      { labels: { le: '60' }, value: 0 },
      { labels: { le: '5' }, value: 3 },
    ];
    const { text } = await metricsText([
      { name: 'ampa_h', help: 'Late.', type: 'histogram', labels: ['le'], values, sum: 80.5 },
    ]);
    const { samples, type } = parsePrometheus(text).get('ampa_h')!;
    assert.equal(type, 'histogram');
    assert.deepEqual(
      samples.map((it) => [it.name, it.labels['le'], it.value]),
      [
        ['ampa_h_bucket', '5', 3],
        ['ampa_h_bucket', '60', 3],
        ['ampa_h_bucket', '+Inf', 4],
        ['ampa_h_sum', undefined, 80.5],
        ['ampa_h_count', undefined, 4],
      ],
    );
  });
});

describe('the strict reader of the tests', () => {
  const head = '# HELP a A.\n# TYPE a gauge\n';
  it('takes what is right', () => {
    assert.equal(parsePrometheus(`${head}a{x="1",y="\\"\\\\\\n"} 1e3\na 2\n`).get('a')!.samples.length, 2);
  });
  for (const [what, text] of [
    ['a last line that does not end', `${head}a 1`],
    ['a sample without a type', '# HELP a A.\na 1\n'],
    ['a family in two pieces', `${head}a 1\n# HELP b B.\n# TYPE b gauge\nb 1\n# HELP a A.\n# TYPE a gauge\n`],
    ['a sample of another family', `${head}b 1\n`],
    ['the same series twice', `${head}a{x="1"} 1\na{x="1"} 2\n`],
    ['a label twice', `${head}a{x="1",x="2"} 1\n`],
    ['an open label', `${head}a{x="1 1\n`],
    ['a wrong escape', `${head}a{x="\\t"} 1\n`],
    ['a comma too many', `${head}a{x="1",,y="2"} 1\n`],
    ['no number', `${head}a one\n`],
    ['a name that is none', '# HELP 1a A.\n# TYPE 1a gauge\n1a 1\n'],
    ['a type that is none', '# HELP a A.\n# TYPE a dial\na 1\n'],
    ['a negative counter', '# HELP a A.\n# TYPE a counter\na -1\n'],
    ['a histogram without its totals', '# HELP a A.\n# TYPE a histogram\na_bucket{le="+Inf"} 1\n'],
    [
      'buckets that fall',
      '# HELP a A.\n# TYPE a histogram\na_bucket{le="1"} 2\na_bucket{le="+Inf"} 1\na_sum 1\na_count 1\n',
    ],
  ] as const) {
    it(`refuses ${what}`, () => assert.throws(() => parsePrometheus(text)));
  }
});
