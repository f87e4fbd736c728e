import assert from 'node:assert/strict';
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
});
