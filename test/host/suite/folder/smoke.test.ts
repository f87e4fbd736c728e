import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import * as vscode from 'vscode';

describe('The extension', () => {
  it('is there, from where this run says, and activates', async () => {
    const extension = vscode.extensions.getExtension('ampa.ampa');
    assert.ok(extension, 'ampa.ampa is not installed');
    const fromSource = path.resolve(extension.extensionPath) === process.env['AMPA_HOST_ROOT'];
    assert.equal(fromSource, process.env['AMPA_HOST_MODE'] === 'source', extension.extensionPath);
    await extension.activate();
    assert.equal(extension.isActive, true);
  });

  it('consists of what was built, whole and unchanged', () => {
    const { extensionPath } = vscode.extensions.getExtension('ampa.ampa')!;
    const built = process.env['AMPA_HOST_ROOT']!;
    const globs = [
      'package.nls.json',
      'dist/*.js',
      'dist/webview/*.{js,css,ttf}',
      'media/{activity.svg,icon.png,*.schema.json}',
      'media/walkthrough/*',
    ];
    const files = globs.flatMap((glob) => fs.globSync(glob, { cwd: built }));
    assert.ok(files.length > 30, files.join());
    for (const file of [...files, ...fs.globSync('dist/native/*', { cwd: extensionPath })])
      assert.ok(fs.readFileSync(path.join(extensionPath, file)).equals(fs.readFileSync(path.join(built, file))), file);
    // The editor notes in the manifest where it has the extension from.
    const manifest = (dir: string): object => {
      const { __metadata, ...rest } = JSON.parse(fs.readFileSync(path.join(dir, 'package.json'), 'utf8')) as Record<
        string,
        unknown
      >;
      return rest;
    };
    assert.deepEqual(manifest(extensionPath), manifest(built));
  });
});
