import assert from 'node:assert/strict';
import fc from 'fast-check';
import { fenced } from '../../src/tasks/prompts.ts';
import type { Message } from '../../src/notifications/message.ts';
import { masked, withoutMentions } from '../../src/notifications/neutral.ts';
import { cut, cutHead, cutMarkdown, linksInOrder, renderText } from '../../src/notifications/render.ts';

const message = (over: Partial<Message> = {}): Message => ({ type: 'other', title: null, body: null, ...over });
const hasHalf = (text: string): boolean => !text.isWellFormed();

describe('the text of a message', () => {
  it('is the title, the body, fields and output, in this order', () => {
    const text = renderText(
      message({
        title: 'Nightly\n  lint ',
        body: 'It is over.',
        fields: [{ name: 'Took', value: '3 s' }],
        output: 'line\n\n',
        links: [
          { label: 'Task', url: 'vscode://ampa.ampa/task/1' },
          { label: 'Pull request', url: 'https://github.com/o/r/pull/1' },
        ],
      }),
    );
    assert.equal(
      text,
      [
        '# Nightly lint',
        'It is over.',
        'Pull request: https://github.com/o/r/pull/1',
        'Task: vscode://ampa.ampa/task/1',
        'Took: 3 s',
        '```',
        'line',
        '```',
      ].join('\n'),
    );
  });

  it('says that it may be a repeat, and names a link once', () => {
    const links = [{ label: 'Here', url: 'https://a.example/' }];
    const it = message({ title: 'Done', body: 'See https://a.example/', links });
    assert.equal(renderText(it, { repeat: true }), '# Done (repeat)\nSee https://a.example/');
    assert.equal(renderText(message({ body: 'x' }), { repeat: true }), '# (repeat)\nx');
    assert.equal(renderText(message()), '');
  });

  it('is cut at 2,000 characters, dots included, and its output at 1,000', () => {
    const long = renderText(message({ body: 'x'.repeat(5000) }));
    assert.equal(long.length, 2000);
    assert.equal(long, `${'x'.repeat(1997)}...`);
    assert.equal(renderText(message({ body: 'y'.repeat(2000) })), 'y'.repeat(2000));
    assert.equal(renderText(message({ output: 'z'.repeat(3000) })), `\`\`\`\n${'z'.repeat(997)}...\n\`\`\``);
    assert.equal(renderText(message({ body: 'x'.repeat(300) }), { max: 100 }).length, 100);
  });

  it('has room for a link that only the end of a long body names', () => {
    const links = [{ label: 'Pull request', url: 'https://github.com/o/r/pull/1' }];
    const fields = [{ name: 'Answer', value: '`ampa respond P1 CHOICE`' }];
    const text = renderText(message({ title: 'T', body: `${'y'.repeat(3000)} ${links[0]!.url}`, links, fields }));
    assert.equal(text.length, 2000);
    assert.ok(text.endsWith('\nPull request: https://github.com/o/r/pull/1\nAnswer: `ampa respond P1 CHOICE`'));
  });

  it('keeps links and fields behind a body that is too long', () => {
    const links = [{ label: 'Pull request', url: 'https://github.com/o/r/pull/1' }];
    const fields = [{ name: 'Answer', value: '`ampa respond P1 CHOICE`' }];
    const text = renderText(message({ title: 'T', body: fenced('y'.repeat(5000)), links, fields }));
    assert.equal(text.length, 2000);
    assert.match(
      text,
      /^# T\n```\ny+\.\.\.\n```\nPull request: https:\/\/github\.com\/o\/r\/pull\/1\nAnswer: `ampa respond P1 CHOICE`$/,
    );
    const all = { body: '@everyone '.repeat(500), fields: [{ name: 'n', value: 'z'.repeat(3000) }] };
    const full = renderText(message(all));
    assert.ok(full.length === 2000 && full.endsWith('z...'));
  });

  it('is never cut inside a character', () => {
    assert.equal(cut('ab😀', 4), 'ab😀');
    assert.equal(cut('abc😀d', 5), 'ab...');
    assert.equal(cut(`${'a'.repeat(6)}😀zz`, 10), `${'a'.repeat(6)}😀zz`);
    assert.equal(cut(`${'a'.repeat(6)}😀zzz`, 10), `${'a'.repeat(6)}...`);
    assert.equal(cutHead('x😀abc', 5), '...bc');
    assert.equal(cutHead('xx😀a', 4), '...a');
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), fc.integer({ min: 4, max: 40 }), (text, limit) => {
        for (const shorter of [cut(text, limit), cutHead(text, limit), cutMarkdown(text, limit)]) {
          assert.ok(!hasHalf(shorter));
          assert.ok(shorter.length <= Math.max(limit, 3));
        }
      }),
    );
  });

  it('closes a code fence that the cut would leave open', () => {
    const text = cutMarkdown(`words\n${fenced('x'.repeat(3000))}`, 2000);
    assert.equal(text.length, 2000);
    assert.ok(text.endsWith('x...\n```'));
    const nested = cutMarkdown(fenced('a ``` b\n'.repeat(1000)), 500);
    assert.ok(nested.startsWith('````\n') && nested.endsWith('...\n````') && nested.length <= 500);
    assert.ok(cutMarkdown(`${fenced('short')}\n${'y'.repeat(3000)}`, 2000).endsWith('yyy...'));
    assert.ok(cutMarkdown(`~~~\n${'z'.repeat(3000)}`, 100).endsWith('\n~~~'));
  });

  it('has a fence that nothing in the output closes', () => {
    assert.equal(fenced('a ```` b'), '`````\na ```` b\n`````');
  });

  it('puts links that a browser opens first', () => {
    const links = ['vscode://a', 'https://b', 'HTTP://c'].map((url) => ({ label: url, url }));
    assert.deepEqual(
      linksInOrder(links).map((it) => it.url),
      ['https://b', 'HTTP://c', 'vscode://a'],
    );
  });

  it('calls nobody', () => {
    for (const call of ['@everyone', '@here', '<@1234>', '<@!12>', '<@&99>', '<#55>', '<!channel>', '<!subteam^S1>']) {
      const text = renderText(message({ title: `a ${call}`, body: call, output: call }));
      assert.ok(!text.includes(call), call);
      assert.ok(text.replaceAll('\u200b', '').includes(call), 'the words stay');
    }
    assert.equal(withoutMentions('me@example.org <b> #5'), 'me@example.org <b> #5');
  });

  it('shows no credential', () => {
    const secret = 'https://hooks.slack.com/services/T/B/abc';
    const token = `ghp_${'a'.repeat(36)}`;
    const hidden = masked(
      message({
        title: token,
        body: `at ${secret}`,
        output: secret,
        fields: [{ name: secret, value: token }],
        links: [{ label: 'x', url: `https://u:pass@host/` }],
        components: [{ type: 'button', label: token, custom_id: 'test_a' }],
      }),
      [secret],
    );
    const text = JSON.stringify(hidden);
    assert.ok(!text.includes('hooks.slack') && !text.includes('ghp_') && !text.includes('pass@'), text);
    assert.deepEqual(masked(message({ body: 'plain' }), [secret]), message({ body: 'plain' }));
  });
});
