import assert from 'node:assert/strict';
import { diffQuery, parseDiffQuery } from '../../src/vscode/diffQuery.ts';
import { pageHtml } from '../../src/vscode/pageHtml.ts';
import { isHostMessage } from '../../src/webview/protocol.ts';
import { parsePageMessage, parseRemembered } from '../../src/webview/schema.ts';

const action = (it: unknown) => parsePageMessage({ type: 'action', id: 1, action: it });

describe('Messages of a task page', () => {
  it('are taken when they are ours', () => {
    const watch = { conversations: [1, 2], logs: [0] };
    for (const message of [
      { type: 'ready', watch },
      { type: 'watch', watch },
    ])
      assert.deepEqual(parsePageMessage(message), message);
    for (const it of [
      { kind: 'continue', text: null },
      { kind: 'continue', text: 'go on' },
      { kind: 'abort' },
      { kind: 'diff', path: null },
      { kind: 'diff', path: 'src/ü b.mjs' },
      { kind: 'openCheckLog', attempt: 1, name: 'npm test' },
      { kind: 'answerPrompt', id: 'p1', response: 'Use the second one' },
      { kind: 'openExternal', url: 'https://example.com/a?b#c' },
      { kind: 'openFile', path: 'a/..b/c' },
    ]) {
      assert.deepEqual(action(it), { type: 'action', id: 1, action: it });
    }
  });

  it('are dropped when they are anything else', () => {
    for (const it of [
      null,
      1,
      'ready',
      [],
      {},
      { type: 'ready' },
      { type: 'snapshot' },
      { type: 'watch', watch: { conversations: [-1], logs: [] } },
    ]) {
      assert.equal(parsePageMessage(it), undefined, JSON.stringify(it));
    }
    for (const it of [
      { kind: 'run', command: 'rm -rf /' },
      { kind: 'abort', force: true },
      { kind: 'continue', text: '  ' },
      { kind: 'continue', text: 'x'.repeat(100_001) },
      { kind: 'answerPrompt', id: 'p1', response: ' ' },
      { kind: 'answerPrompt', id: 'p1', response: 'x'.repeat(20_001) },
      { kind: 'openExternal', url: 'javascript:alert(1)' },
      { kind: 'openExternal', url: 'file:///etc/passwd' },
      { kind: 'openExternal', url: 'command:workbench.action.quit' },
      { kind: 'openExternal', url: 'vscode://x.y/z' },
      { kind: 'openExternal', url: 'not an address' },
      { kind: 'openFile', path: '../../etc/passwd' },
      { kind: 'openFile', path: 'a/../../b' },
      { kind: 'openFile', path: 'a\\..\\..\\b' },
      { kind: 'openFile', path: '/etc/passwd' },
      { kind: 'openFile', path: 'C:\\x' },
      { kind: 'openFile', path: 'a\0b' },
      { kind: 'diff', path: '' },
    ]) {
      assert.equal(action(it), undefined, JSON.stringify(it));
    }
  });

  it('bring a page back only with a task and a folder', () => {
    assert.deepEqual(parseRemembered({ taskId: 't', folder: 'file:///x', draft: 'd' }), {
      taskId: 't',
      folder: 'file:///x',
    });
    for (const it of [null, undefined, {}, { taskId: 't' }, { taskId: 1, folder: 'f' }])
      assert.equal(parseRemembered(it), undefined);
  });

  it('of the host are known by their outline', () => {
    assert.ok(isHostMessage({ type: 'snapshot', seq: 0, page: {} }));
    assert.ok(isHostMessage({ type: 'delta', seq: 3, changes: [] }));
    assert.ok(isHostMessage({ type: 'done', id: 1, error: null }));
    assert.ok(isHostMessage({ type: 'failed', error: 'why' }));
    for (const it of [
      null,
      'x',
      {},
      { type: 'delta' },
      { type: 'snapshot', seq: 1, page: {} },
      { type: 'done', id: 1 },
      { type: 'other' },
    ]) {
      assert.equal(isHostMessage(it), false, JSON.stringify(it));
    }
  });
});

describe('The document of a page', () => {
  const html = pageHtml({
    title: '<b>"',
    nonce: 'N1',
    cspSource: 'https://src.test',
    script: 'https://src.test/a.js?"><script>',
    style: 'https://src.test/a.css',
    data: { task: '"><img src=x onerror=alert(1)>' },
  });

  it('allows one script by its nonce and nothing inline', () => {
    const policy = /content="([^"]*)"/.exec(html)?.[1] ?? '';
    assert.match(policy, /default-src 'none'/);
    assert.match(policy, /script-src 'nonce-N1'/);
    assert.doesNotMatch(policy, /unsafe/);
    assert.equal(html.match(/<script/g)?.length, 1);
    assert.doesNotMatch(html, /<style|style=/);
  });

  it('lets no value out of its attribute', () => {
    assert.doesNotMatch(html, /<img|<b>/);
  });
});

describe('The address of one side of a change', () => {
  const side = { folder: 'file:///a%20b', task: '01KJ3C5V5ZK3T1Z8W9S0QHXG2M', commit: 'a'.repeat(40) };

  it('says folder, task and commit', () => {
    assert.deepEqual(parseDiffQuery(diffQuery(side)), side);
    assert.deepEqual(parseDiffQuery(diffQuery({ ...side, commit: null })), { ...side, commit: null });
  });

  it('is refused when it says anything else', () => {
    for (const query of [
      '',
      'x',
      'null',
      '{}',
      diffQuery({ ...side, commit: 'HEAD' }),
      diffQuery({ ...side, commit: '--output=x' }),
      diffQuery({ ...side, task: '../x' }),
    ]) {
      assert.equal(parseDiffQuery(query), undefined, query);
    }
  });
});
