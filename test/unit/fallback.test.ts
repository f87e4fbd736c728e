import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import {
  FALLBACK_MODES,
  fallbackJsonSchema,
  fallbackSchema,
  parseMode,
  projectIdOf,
  projectOf,
  resolveFallback,
  fallbackAction,
  type FallbackConfig,
  type FallbackFile,
} from '../../src/conversations/fallback.ts';

const rules = (config: FallbackConfig | null, over: Partial<FallbackFile> = {}): FallbackFile => ({
  name: 'rules.json',
  tracked: false,
  config,
  problem: null,
  ...over,
});
const CONFIG: FallbackConfig = {
  default: 'auto-accept',
  public_default: 'auto-decline',
  projects: {
    'me/plain': 'auto_decline',
    'me/app': { mode: 'Discuss', overrides: { execute: 'HOLD', 'open-pr': 'recommend', odd: 'maybe' } },
    'me/half': { overrides: { deploy: 'hold' } },
  },
};

describe('Fallback rules', () => {
  const cases: [
    what: string,
    decision: { kind: string; projectId: string | null },
    environment: string,
    files: FallbackFile[],
    mode: string,
    rule: string,
  ][] = [
    [
      'the environment goes before everything',
      { kind: 'execute', projectId: 'me/app' },
      'accept',
      [rules(CONFIG)],
      'auto-accept',
      'AMPA_FALLBACK_MODE',
    ],
    [
      'what the environment says and is no mode holds',
      { kind: 'x', projectId: null },
      'sure',
      [rules(CONFIG)],
      'hold',
      'AMPA_FALLBACK_MODE',
    ],
    [
      "a project's override goes before its mode",
      { kind: 'execute', projectId: 'me/app' },
      '',
      [rules(CONFIG)],
      'hold',
      'projects.me/app.overrides.execute',
    ],
    [
      'an alias counts, in any case',
      { kind: 'open-pr', projectId: 'me/app' },
      '',
      [rules(CONFIG)],
      'accept-recommendation',
      'projects.me/app.overrides.open-pr',
    ],
    [
      'an override that is no mode holds',
      { kind: 'odd', projectId: 'me/app' },
      '',
      [rules(CONFIG)],
      'hold',
      'projects.me/app.overrides.odd',
    ],
    [
      "a project's mode goes before the default",
      { kind: 'edit', projectId: 'me/app' },
      '',
      [rules(CONFIG)],
      'discuss-options',
      'projects.me/app.mode',
    ],
    [
      'a project may be a mode',
      { kind: 'edit', projectId: 'me/plain' },
      '',
      [rules(CONFIG)],
      'auto-decline',
      'projects.me/plain',
    ],
    [
      'a project without a mode has the default',
      { kind: 'edit', projectId: 'me/half' },
      '',
      [rules(CONFIG)],
      'auto-accept',
      'default',
    ],
    [
      'an unknown project has the default',
      { kind: 'edit', projectId: 'you/other' },
      '',
      [rules(CONFIG)],
      'auto-accept',
      'default',
    ],
    [
      'what every object has is no project',
      { kind: 'edit', projectId: 'constructor' },
      '',
      [rules(CONFIG)],
      'auto-accept',
      'default',
    ],
    [
      'no project has the public default',
      { kind: 'edit', projectId: null },
      '',
      [rules(CONFIG)],
      'auto-decline',
      'public_default',
    ],
    [
      'without a public default it holds',
      { kind: 'edit', projectId: null },
      '',
      [rules({ default: 'accept' })],
      'hold',
      'public_default',
    ],
    [
      'without a default it holds',
      { kind: 'edit', projectId: 'a/b' },
      '',
      [rules({ public_default: 'accept' })],
      'hold',
      'default',
    ],
    [
      'without any rule, delegation accepts',
      { kind: 'delegation', projectId: 'a/b' },
      '',
      [],
      'auto-accept',
      'no rules are set',
    ],
    [
      'without any rule, everything else holds',
      { kind: 'execute', projectId: 'a/b' },
      '',
      [],
      'hold',
      'no rules are set',
    ],
    [
      'with a file, delegation is like the others',
      { kind: 'delegation', projectId: 'a/b' },
      '',
      [rules({})],
      'hold',
      'default',
    ],
    [
      'a file that cannot be read holds',
      { kind: 'delegation', projectId: 'a/b' },
      '',
      [rules(null, { problem: 'is not valid JSON' })],
      'hold',
      'rules.json cannot be read',
    ],
    [
      'the first file of the user decides',
      { kind: 'edit', projectId: 'a/b' },
      '',
      [rules({ default: 'hold' }), rules({ default: 'accept' })],
      'hold',
      'default',
    ],
    [
      'a tracked file alone makes nothing looser',
      { kind: 'execute', projectId: 'a/b' },
      '',
      [rules({ default: 'accept' }, { tracked: true })],
      'hold',
      'no rules are set',
    ],
    [
      'a tracked file makes things stricter',
      { kind: 'delegation', projectId: 'a/b' },
      '',
      [rules({ default: 'hold' }, { tracked: true })],
      'hold',
      'default (rules.json, which git tracks)',
    ],
    [
      'a tracked file makes the rules of the user stricter',
      { kind: 'edit', projectId: 'a/b' },
      '',
      [rules({ default: 'decline' }, { tracked: true }), rules({ default: 'accept' })],
      'auto-decline',
      'default (rules.json, which git tracks)',
    ],
    [
      'a tracked file does not loosen the rules of the user',
      { kind: 'edit', projectId: 'a/b' },
      '',
      [rules({ default: 'accept' }, { tracked: true }), rules({ default: 'discuss' })],
      'discuss-options',
      'default',
    ],
  ];
  for (const [what, decision, environment, files, mode, rule] of cases) {
    it(what, () => {
      const found = resolveFallback(decision, environment, files);
      assert.deepEqual([found.mode, found.rule], [mode, rule]);
    });
  }

  it('warn of what is no mode, and of what cannot be read', () => {
    assert.match(
      resolveFallback({ kind: 'x', projectId: null }, 'sure', []).warnings.join(),
      /AMPA_FALLBACK_MODE is "sure"/,
    );
    const broken = resolveFallback({ kind: 'x', projectId: null }, '', [rules(null, { problem: 'is not valid JSON' })]);
    assert.match(broken.warnings.join(), /rules\.json is not valid JSON: everything holds/);
  });

  it('know every mode in any spelling, and nothing else', () => {
    for (const mode of FALLBACK_MODES) {
      assert.equal(parseMode(mode.toUpperCase().replaceAll('-', '_')), mode);
      assert.equal(parseMode(` ${mode} `), mode);
    }
    const aliases = ['accept', 'decline', 'pause', 'queue', 'recommend', 'discuss'].map(parseMode);
    assert.deepEqual(aliases, [
      'auto-accept',
      'auto-decline',
      'hold',
      'hold',
      'accept-recommendation',
      'discuss-options',
    ]);
    for (const text of ['', 'toString', 'auto', 'accept!', 'yes']) assert.equal(parseMode(text), null);
  });

  it('are never loosened by a file that git tracks, whatever it says', () => {
    const mode = fc.constantFrom(...FALLBACK_MODES, 'nonsense');
    const order = ['auto-accept', 'accept-recommendation', 'discuss-options', 'hold', 'auto-decline'];
    fc.assert(
      fc.property(mode, fc.option(mode), fc.constantFrom('delegation', 'execute'), (tracked, own, kind) => {
        const mine = own === null ? [] : [rules({ default: own })];
        const decision = { kind, projectId: 'a/b' };
        const without = resolveFallback(decision, '', mine);
        const withIt = resolveFallback(decision, '', [rules({ default: tracked }, { tracked: true }), ...mine]);
        assert.ok(order.indexOf(withIt.mode) >= order.indexOf(without.mode));
      }),
    );
  });

  describe('make of a question', () => {
    const permission = { asks: 'permission' as const, choices: ['allow', 'reject', 'always'], recommendation: null };
    const plain = (choices: string[], recommendation: string | null = null) => ({
      asks: 'question' as const,
      choices,
      recommendation,
    });
    const answer = (response: string) => ({ act: 'answer', response });
    const hold = { act: 'hold' };

    it('once and never for good, where it is a permission', () => {
      assert.deepEqual(fallbackAction({ mode: 'auto-accept' }, permission), answer('allow'));
      assert.deepEqual(fallbackAction({ mode: 'auto-decline' }, permission), answer('reject'));
      assert.deepEqual(fallbackAction({ mode: 'hold' }, permission), hold);
      assert.deepEqual(fallbackAction({ mode: 'accept-recommendation' }, permission), hold);
      assert.deepEqual(fallbackAction({ mode: 'discuss-options' }, permission), { act: 'discuss' });
    });

    it('the choice that means it, and hold where none or several do', () => {
      const accept = (choices: string[]) => fallbackAction({ mode: 'auto-accept' }, plain(choices));
      assert.deepEqual(accept(['No', 'Yes']), answer('Yes'));
      assert.deepEqual(accept(['Go ahead.', 'Wait']), answer('Go ahead.'));
      assert.deepEqual(accept(['Yes, delete it', 'No, keep it']), answer('Yes, delete it'));
      assert.deepEqual(accept(['Yes, all', 'Yes, one']), hold);
      assert.deepEqual(accept(['Postgres', 'SQLite']), hold);
      assert.deepEqual(accept([]), hold);
      const decline = (choices: string[]) => fallbackAction({ mode: 'auto-decline' }, plain(choices));
      assert.deepEqual(decline(['yes', 'no']), answer('no'));
      assert.deepEqual(decline(['No problem', 'Yes']), hold);
    });

    it('what is recommended, and hold where nothing is', () => {
      const recommended = (text: string | null) =>
        fallbackAction({ mode: 'accept-recommendation' }, plain(['yes', 'no'], text));
      assert.deepEqual(recommended('accept'), answer('yes'));
      assert.deepEqual(recommended(' Decline '), answer('no'));
      assert.deepEqual(recommended('maybe'), hold);
      assert.deepEqual(recommended(null), hold);
    });
  });

  it('know a project by its remote, or by what the question says', () => {
    const urls: [string | null, string | null][] = [
      ['https://github.com/me/app.git', 'me/app'],
      ['https://x:y@example.org:8443/me/app', 'me/app'],
      ['git@github.com:me/app.git', 'me/app'],
      ['ssh://git@example.org:22/group/sub/app.git/', 'sub/app'],
      ['/srv/git/app.git', null],
      ['C:\\git\\app', null],
      ['file:///srv/git/app', null],
      [null, null],
    ];
    for (const [url, id] of urls) assert.equal(projectOf(url), id, String(url));
    assert.equal(projectIdOf({ project_id: 'mine' }, 'https://github.com/me/app'), 'mine');
    assert.equal(projectIdOf({ project_id: '' }, 'https://github.com/me/app'), 'me/app');
  });
});

describe('The schema of the fallback rules', () => {
  const file = path.resolve(import.meta.dirname, '../../media/fallback_config.schema.json');

  it('is what `npm run generate` writes', () => {
    assert.deepEqual(JSON.parse(fs.readFileSync(file, 'utf8')), JSON.parse(JSON.stringify(fallbackJsonSchema())));
  });

  it('is contributed, shipped, and takes each spelling that the parser takes', () => {
    const root = path.resolve(import.meta.dirname, '../..');
    const { contributes } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8')) as {
      contributes: { jsonValidation: { fileMatch: string[]; url: string }[] };
    };
    assert.equal(path.resolve(root, contributes.jsonValidation[0]!.url), file);
    const schema = JSON.parse(fs.readFileSync(file, 'utf8')) as {
      properties: { default: { anyOf: [{ enum: string[] }, { pattern: string }] } };
    };
    const [{ enum: names }, { pattern }] = schema.properties.default.anyOf;
    assert.deepEqual(names, FALLBACK_MODES);
    for (const text of ['hold', 'AUTO_ACCEPT', 'Discuss', 'queue', 'accept-recommendation', 'nonsense', 'auto'])
      assert.equal(new RegExp(pattern).test(text), parseMode(text) !== null, text);
  });

  it('takes both forms of a project, and reads nothing else as rules', () => {
    const example = {
      default: 'hold',
      public_default: 'hold',
      projects: { a: 'auto-accept', b: { mode: 'auto-accept', overrides: { 'run-tests': 'auto-accept' } } },
    };
    assert.deepEqual(fallbackSchema.parse(example), example);
    for (const wrong of [
      [],
      'hold',
      { default: 1 },
      { projects: { a: 1 } },
      { projects: { a: { overrides: { b: {} } } } },
    ])
      assert.equal(fallbackSchema.safeParse(wrong).success, false, JSON.stringify(wrong));
  });
});
