import assert from 'node:assert/strict';
import { mkdir, mkdtemp, realpath, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { isAllowed, permissionRequest, toolCallFacts } from '../../src/adapters/agents/permissions.ts';

describe('what an agent may do without asking', () => {
  let folder: string;
  let cwd: string;
  const allowed = (mode: 'ask' | 'edits' | 'all', kind: string, ...paths: string[]): Promise<boolean> =>
    isAllowed(mode, cwd, { kind, title: '', paths, command: null });

  beforeEach(async () => {
    folder = await realpath(await mkdtemp(path.join(tmpdir(), 'ampa-permissions-')));
    cwd = path.join(folder, 'worktree');
    await mkdir(path.join(cwd, 'src'), { recursive: true });
    await symlink(folder, path.join(cwd, 'out'));
    await symlink(path.join(folder, 'not-there'), path.join(cwd, 'dangling'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('all allows everything, and ask only reading', async () => {
    for (const kind of ['read', 'edit', 'execute', 'fetch', 'other'])
      assert.equal(await allowed('all', kind, '/etc/passwd'), true);
    for (const kind of ['read', 'search', 'think']) assert.equal(await allowed('ask', kind, 'src/a.ts'), true, kind);
    for (const kind of ['edit', 'delete', 'move', 'execute', 'fetch', 'switch_mode', 'other', 'unheard_of']) {
      assert.equal(await allowed('ask', kind, 'src/a.ts'), false, kind);
    }
  });

  it('edits allows edits whose every path is inside', async () => {
    for (const kind of ['edit', 'delete', 'move'])
      assert.equal(await allowed('edits', kind, 'src/new/a.ts', path.join(cwd, 'b')), true, kind);
    for (const kind of ['execute', 'fetch', 'switch_mode', 'other'])
      assert.equal(await allowed('edits', kind, 'src/a.ts'), false, kind);
    assert.equal(await allowed('edits', 'edit', 'src/a.ts', path.join(folder, 'b')), false);
    assert.equal(await allowed('edits', 'edit'), false, 'nobody knows where it goes');
    assert.equal(await allowed('edits', 'read'), true);
  });

  it('links, parents, siblings and git data are outside', async () => {
    for (const file of [
      'out/a.ts',
      'dangling',
      'dangling/a.ts',
      'out/worktree2/a.ts',
      'src/../../a.ts',
      'out/../a.ts',
      path.join(folder, 'worktree-2/a.ts'),
      '.git/config',
      'sub/.git/hooks/post-commit',
      '/etc/passwd',
    ]) {
      assert.equal(await allowed('edits', 'edit', file), false, file);
      assert.equal(await allowed('edits', 'read', file), false, file);
    }
    assert.equal(await allowed('edits', 'edit', 'out/worktree/a.ts'), true, 'a link that leads back inside');
    assert.equal(await allowed('edits', 'edit', '..a/.gitignore'), true, 'names that only look alike');
  });

  it('a worktree that is itself reached through a link has its inside', async () => {
    const link = path.join(folder, 'link');
    await symlink(cwd, link);
    assert.equal(
      await isAllowed('edits', link, { kind: 'edit', title: '', paths: [path.join(cwd, 'a')], command: null }),
      true,
    );
    assert.equal(
      await isAllowed('edits', cwd, { kind: 'edit', title: '', paths: [path.join(link, 'a')], command: null }),
      true,
    );
  });

  it('facts are gathered from the call and from the request', () => {
    const facts = toolCallFacts(
      {
        kind: 'edit',
        title: 'bash',
        locations: [{ path: '/w' }],
        rawInput: { filePath: 'a' },
        content: [{ type: 'diff', path: 'b', newText: '' }],
      },
      { kind: null, title: '', rawInput: { command: ['git', 'push'] } },
    );
    assert.deepEqual(facts, { kind: 'edit', title: 'bash', paths: ['/w', 'b', 'a'], command: 'git push' });
    assert.deepEqual(permissionRequest(facts), {
      kind: 'edit',
      title: 'bash',
      detail: 'git push',
      command: 'git push',
    });
    assert.deepEqual(toolCallFacts(undefined, null, 'x', []), { kind: 'other', title: '', paths: [], command: null });
    assert.deepEqual(permissionRequest({ kind: 'execute', title: '', paths: [], command: 'a\nb' }), {
      kind: 'execute',
      title: 'a',
      detail: 'a\nb',
      command: 'a\nb',
    });
  });
});
