import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Knob } from '../../src/config/knobs.ts';
import { resolveConfig, type Source } from '../../src/config/resolve.ts';
import { configFiles, configSources, readDotenvFiles, userConfigDir } from '../../src/config/sources.ts';

const source = (name: string, values: Record<string, unknown>, repository = false): Source => ({
  name,
  repository,
  get: (knob: Knob) => values[knob.env] ?? (knob.setting ? values[knob.setting] : undefined),
});

describe('a .env', () => {
  it('is the first one there is: that of the state folder, the shared one, that of the folder, which is the repository’s', () => {
    const dir = mkdtempSync(path.join(tmpdir(), 'ampa-env-'));
    try {
      const env = { XDG_CONFIG_HOME: path.join(dir, 'config'), AMPA_AGENT: 'environment', AMPA_MAX_ATTEMPTS: '9' };
      const files = [
        ['work/.worklog/ampa/.env', 'state', 'state'],
        ['config/ampa/.env', 'shared', 'shared'],
        ['work/.env', 'folder', 'environment'],
      ] as const;
      for (const [file, agent] of files) {
        mkdirSync(path.dirname(path.join(dir, file)), { recursive: true });
        writeFileSync(path.join(dir, file), `AMPA_AGENT=${agent}\nAMPA_NOTIFICATIONS=0\nPATH=/evil\n`);
      }
      for (const [file, , untrusted] of files) {
        const { sources } = configSources({
          workspace: path.join(dir, 'work'),
          dotenv: readDotenvFiles(path.join(dir, 'work'), env),
          env,
          settings: { workspace: () => undefined, user: () => undefined },
          isTracked: () => false,
        });
        const { values } = resolveConfig(sources, false);
        assert.deepEqual([values.agent, values.notifications, values.maxAttempts], [untrusted, false, 9], file);
        assert.notEqual(process.env['PATH'], '/evil');
        rmSync(path.join(dir, file));
      }
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});

describe('the folder of the user’s own settings', () => {
  it('is never one of the repository’s, however the environment looks', () => {
    for (const env of [{}, { HOME: '' }, { HOME: 'home' }, { XDG_CONFIG_HOME: '.config' }])
      for (const file of configFiles('/work', env)) assert.ok(path.isAbsolute(file), file);
    assert.equal(userConfigDir({ HOME: '/home/ada' }), path.join('/home/ada', '.config', 'ampa'));
    assert.equal(userConfigDir({ HOME: '/home/ada', XDG_CONFIG_HOME: '/config' }), path.join('/config', 'ampa'));
  });
});

describe('configuration', () => {
  it('takes the first source that has a value, and says where it came from', () => {
    const { values, sources } = resolveConfig(
      [source('a', { AMPA_AGENT: 'amp' }), source('b', { AMPA_AGENT: 'codex', AMPA_MAX_ATTEMPTS: '5' })],
      true,
    );
    assert.deepEqual([values.agent, sources.agent], ['amp', 'a']);
    assert.deepEqual([values.maxAttempts, sources.maxAttempts], [5, 'b']);
    assert.deepEqual([values.maxConcurrentTasks, sources.maxConcurrentTasks], [2, 'default']);
  });

  it('takes blank text for none: a blank check would be green', () => {
    const { values, warnings } = resolveConfig(
      [source('environment', { AMPA_CHECKS_COMMAND: ' ' }), source('user settings', { AMPA_CHECKS_COMMAND: 'make' })],
      true,
    );
    assert.deepEqual([values.checksCommand, warnings], ['make', []]);
  });

  it('falls back to the default with a warning that names knob and source', () => {
    for (const [value, problem] of [
      ['many', 'not a number'],
      ['0', 'not between 1 and 50'],
      ['1.5', 'not a whole number'],
    ] as const) {
      const { values, warnings } = resolveConfig([source('environment', { AMPA_MAX_ATTEMPTS: value })], true);
      assert.equal(values.maxAttempts, 3);
      assert.match(
        warnings.join(),
        new RegExp(`AMPA_MAX_ATTEMPTS of environment is .*${problem}; the default 3 is used`),
      );
    }
  });

  it('knows values of an enumeration in any case', () => {
    assert.equal(
      resolveConfig([source('environment', { AMPA_PULL_REQUEST: 'AFTERCHECKS' })], true).values.pullRequest,
      'afterChecks',
    );
  });

  it('reads from a repository only what is safe, until it is trusted', () => {
    const files = [source('.env', { AMPA_SETUP: 'curl evil', AMPA_NOTIFICATIONS: '0' }, true)];
    const before = resolveConfig(files, false);
    assert.deepEqual([before.values.setup, before.values.notifications], ['', false]);
    assert.match(before.warnings.join(), /AMPA_SETUP of \.env is not read: this folder is not trusted/);
    assert.equal(resolveConfig(files, true).values.setup, 'curl evil');
  });

  it('never reads from a repository where credentials go, trusted or not', () => {
    const { values, warnings } = resolveConfig(
      [source('.env', { AMPA_GITHUB_API_URL: 'https://evil.example' }, true)],
      true,
    );
    assert.equal(values.githubApiUrl, '');
    assert.match(warnings.join(), /AMPA_GITHUB_API_URL of \.env is not read/);
  });

  it('takes from what the editor keeps secrets and nothing else, after every other source', () => {
    const stored: Record<string, string> = {
      AMPA_NTFY_TOKEN: 'kept',
      AMPA_NTFY_URL: 'https://ntfy.example/kept',
      AMPA_SETUP: 'evil',
    };
    const { sources } = configSources({
      workspace: '/nowhere',
      dotenv: [],
      env: { AMPA_NTFY_URL: 'https://ntfy.example/own' },
      settings: { workspace: () => undefined, user: () => undefined },
      isTracked: () => false,
      stored: (env) => stored[env],
    });
    const { values, sources: from } = resolveConfig(sources, false);
    assert.deepEqual([values.ntfyToken, from.ntfyToken], ['kept', 'SecretStorage']);
    assert.deepEqual([values.ntfyUrl, from.ntfyUrl], ['https://ntfy.example/own', 'environment']);
    assert.deepEqual([values.setup, from.setup], ['', 'default']);
  });

  it('shows no secret in a warning', () => {
    const { warnings } = resolveConfig([source('environment', { AMPA_GITHUB_APP_PRIVATE_KEY: 17 })], true);
    assert.doesNotMatch(warnings.join(), /17/);
  });
});
