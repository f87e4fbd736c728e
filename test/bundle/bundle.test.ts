/** What `npm run build` and `npm run package` made: the budgets, and what must not be in it. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { oldNode } from '../host/setup.ts';
import { packagedVsix, root } from '../host/server.ts';

interface Output {
  bytes: number;
  inputs: Record<string, object>;
  imports: { path: string; kind: string; external?: boolean }[];
}

const { outputs } = JSON.parse(fs.readFileSync(path.join(root, 'dist/meta.json'), 'utf8')) as {
  outputs: Record<string, Output>;
};

/** Files that loading `entry` brings in; with `lazy` also those that it may load later. */
function closure(entry: string, lazy: boolean): string[] {
  const seen = new Set<string>();
  const visit = (file: string): void => {
    const output = outputs[file];
    assert.ok(output, `${file} was not built`);
    if (seen.has(file)) return;
    seen.add(file);
    for (const it of output.imports) {
      if (!it.external && (lazy || it.kind !== 'dynamic-import')) visit(it.path);
    }
  };
  visit(entry);
  return [...seen];
}

const externals = (files: string[]): string[] =>
  files.flatMap((file) => outputs[file]!.imports.filter((it) => it.external).map((it) => it.path));

describe('The bundle', () => {
  it('has no vscode in the command line, not even in what it loads later', () => {
    const files = closure('dist/cli.js', true);
    assert.ok(files.length > 1, 'the guard loads the rest by import()');
    assert.ok(!externals(files).includes('vscode'));
    const named = files.filter((file) =>
      /\b(require|from|import)\s*\(?\s*["']vscode["']/.test(fs.readFileSync(path.join(root, file), 'utf8')),
    );
    assert.deepEqual(named, []);
  });

  it('needs nothing beside Node and the editor', () => {
    const all = [...closure('dist/cli.js', true), ...closure('dist/extension.js', true)];
    const { builtinModules } = process.getBuiltinModule('node:module');
    // Add-ons that `ws` does without.
    const optional = ['bufferutil', 'utf-8-validate', 'zlib-sync'];
    const foreign = externals(all).filter(
      (name) =>
        name !== 'vscode' && !name.startsWith('node:') && !builtinModules.includes(name) && !optional.includes(name),
    );
    assert.deepEqual([...new Set(foreign)], []);
  });

  it('costs the editor at most 250 KB before lazy parts', () => {
    const bytes = closure('dist/extension.js', false).reduce((sum, file) => sum + outputs[file]!.bytes, 0);
    assert.ok(bytes <= 250 * 1024, `${(bytes / 1024).toFixed(0)} KB`);
  });

  it('does not load SQLite when the editor activates', () => {
    const eager = closure('dist/extension.js', false).filter((file) =>
      fs.readFileSync(path.join(root, file), 'utf8').includes('nativeBinding'),
    );
    assert.deepEqual(eager, []);
  });

  it('loads discord.js when a bot is configured and not before, without its copies of undici', () => {
    const withLibrary = Object.keys(outputs).filter((file) =>
      Object.keys(outputs[file]!.inputs).some((input) => input.startsWith('node_modules/discord.js/')),
    );
    assert.equal(withLibrary.length, 1);
    const importers = Object.keys(outputs).filter((file) =>
      outputs[file]!.imports.some((it) => it.path === withLibrary[0] && it.kind !== 'dynamic-import'),
    );
    assert.deepEqual(importers, []);
    const inputs = Object.keys(outputs[withLibrary[0]!]!.inputs);
    assert.deepEqual(
      inputs.filter((input) => input.includes('/undici/')),
      [],
    );
  });

  it('is packed into at most 4 MB', () => {
    const { size } = fs.statSync(packagedVsix());
    assert.ok(size <= 4 * 1024 * 1024, `${(size / 1024 / 1024).toFixed(2)} MB`);
  });

  it('says in one line, on an old Node, which one it needs', () => {
    const result = spawnSync(oldNode, [path.join(root, 'dist/cli.js'), 'ls', '--json'], { encoding: 'utf8' });
    assert.equal(result.status, 2);
    assert.equal(result.stdout, '');
    assert.equal(result.stderr, 'ampa needs Node 22.14 or later; this is v20.20.2\n');
  });
});
