import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { readFallbackFiles } from '../../src/adapters/files/fallbackFiles.ts';
import { createPromptFiles, sessionName } from '../../src/adapters/files/promptFiles.ts';
import { makePrompt } from '../support/prompts.ts';

describe('The files of questions', () => {
  let dir: string;
  let root: string;
  beforeEach(() => {
    root = fs.mkdtempSync(path.join(os.tmpdir(), 'ampa-prompts-'));
    dir = path.join(root, 'a', 'prompts');
  });
  afterEach(() => fs.rmSync(root, { recursive: true, force: true }));
  const names = (): string[] => fs.readdirSync(dir).toSorted();

  it('carry session and time in their names, and parallel questions get names of their own', async () => {
    const files = createPromptFiles(dir);
    const taken = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const { file, stamp } = await files.reserve('s-123', 1739275200000);
        await files.write(makePrompt({ session: 's-123', prompt_file: file }));
        return { file, stamp };
      }),
    );
    assert.equal(new Set(taken.map((it) => it.file)).size, 20);
    assert.ok(names().includes('pending_prompt_s-123_1739275200000.json'));
    assert.equal(names().length, 20, names().join());
    for (const { file, stamp } of taken)
      assert.equal((JSON.parse(fs.readFileSync(file, 'utf8')) as { stamp: string }).stamp, String(stamp));
  });

  const hostile = [
    '../../etc/passwd',
    '/abs/olute',
    '..',
    '.',
    '',
    'a/b\\c:d*e?f"g<h>i|j',
    'nul\0byte',
    'line\nbreak',
    'x'.repeat(5000),
    '😀'.repeat(200),
    'CON',
    'trailing. ',
    '\u202Egpj.exe',
    '~',
    '$(touch pwned)',
    '-rf',
    '__proto__',
  ];
  it('stay in their folder, whatever a session is called, and never meet', async () => {
    const files = createPromptFiles(dir);
    for (const session of hostile) {
      const { file } = await files.reserve(session, 1);
      assert.equal(path.dirname(file), dir);
      const name = path.basename(file);
      assert.ok(name.length <= 200 && /^pending_prompt_[\w.~-]+_\d+\.json$/.test(name), name);
      await files.write(makePrompt({ session, prompt_file: file }));
      await files.session(session, async () => ({ session }));
      assert.equal((JSON.parse(fs.readFileSync(file, 'utf8')) as { session: string }).session, session);
    }
    assert.equal(names().filter((name) => name.startsWith('session_')).length, hostile.length);
    assert.deepEqual(fs.readdirSync(root), ['a']);
    assert.deepEqual(fs.readdirSync(path.join(root, 'a')), ['prompts']);
    assert.equal(new Set(hostile.map(sessionName)).size, hostile.length);
  });

  it('of a session follow the last change, however the writers come in between each other', async () => {
    const [one, two] = [createPromptFiles(dir), createPromptFiles(dir)];
    let state = 'a';
    await Promise.all([
      one.session('s', async () => {
        const seen = state;
        await new Promise(setImmediate);
        return { state: seen };
      }),
      two.session('s', async () => ({ state: (state = 'b') })),
    ]);
    assert.deepEqual(JSON.parse(fs.readFileSync(path.join(dir, 'session_s.json'), 'utf8')), { state: 'b' });
  });

  it('are whole at any moment, and old ones go', async () => {
    const files = createPromptFiles(dir);
    const { file } = await files.reserve('s', 5);
    const prompt = makePrompt({ session: 's', prompt_file: file, prompt_text: 'x'.repeat(100_000) });
    await files.write(prompt);
    const written = new AbortController();
    const reader = (async () => {
      while (!written.signal.aborted) {
        JSON.parse(fs.readFileSync(file, 'utf8'));
        await new Promise(setImmediate);
      }
    })();
    for (let i = 0; i < 30; i++) await files.write(prompt);
    written.abort();
    await reader;
    await files.event({ a: 1 });
    await files.event({ a: 2 });
    assert.equal(fs.readFileSync(path.join(dir, 'events.jsonl'), 'utf8'), '{"a":1}\n{"a":2}\n');
    assert.equal(await files.prune(5), 0);
    assert.equal(await files.prune(6), 1);
    assert.deepEqual(names(), ['events.jsonl']);
  });
});

describe('The files of fallback rules', () => {
  let dir: string;
  beforeEach(() => {
    dir = fs.mkdtempSync(path.join(os.tmpdir(), 'ampa-rules-'));
  });
  afterEach(() => fs.rmSync(dir, { recursive: true, force: true }));
  const place = (name: string, required = false) => ({ file: path.join(dir, name), name, required });
  const never = async (): Promise<boolean> => false;

  it('are read where they are, with comments, and said to be broken where they are', async () => {
    fs.writeFileSync(path.join(dir, 'good'), '// mine\n{"default": "accept",}\n');
    fs.writeFileSync(path.join(dir, 'bad'), '{"default": ');
    fs.writeFileSync(path.join(dir, 'odd'), '{"default": 3}');
    const found = await readFallbackFiles(
      ['none', 'good', 'bad', 'odd'].map((name) => place(name)),
      async (file) => file.endsWith('odd'),
    );
    assert.deepEqual(
      found.map((it) => [it.name, it.tracked, it.config, it.problem?.replace(/:.*/, '')]),
      [
        ['good', false, { default: 'accept' }, undefined],
        ['bad', false, null, 'is not valid JSON'],
        ['odd', true, null, 'is wrong at default'],
      ],
    );
  });

  it('have to be there where somebody named them', async () => {
    const [file] = await readFallbackFiles([place('gone', true)], never);
    assert.deepEqual([file?.config, file?.problem], [null, 'is not there']);
  });
});
