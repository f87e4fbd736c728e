import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Message } from '../../src/notifications/message.ts';
import { closing, codeBlock, literal } from '../../src/notifications/literal.ts';
import { masked, withoutMentions } from '../../src/notifications/neutral.ts';
import { cut, cutHead, cutLiteral, linksInOrder, renderText } from '../../src/notifications/render.ts';

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
    const text = renderText(message({ title: 'T', body: codeBlock('y'.repeat(5000)), links, fields }));
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
        for (const shorter of [cut(text, limit), cutHead(text, limit), cutLiteral(literal(text), limit)]) {
          assert.ok(!hasHalf(shorter));
          assert.ok(shorter.length <= Math.max(limit, 3));
        }
      }),
    );
  });

  it('closes the code that the cut would leave open', () => {
    const text = cutLiteral(`words\n${codeBlock('x'.repeat(3000))}`, 2000);
    assert.equal(text.length, 2000);
    assert.ok(text.endsWith('x...\n```'));
    assert.ok(cutLiteral(`${codeBlock('short')}\n${'y'.repeat(3000)}`, 2000).endsWith('yyy...'));
    assert.equal(cutLiteral('a `code code` b', 10), 'a `cod...`');
    assert.equal(cutLiteral('abc ```\nx\n```', 9), 'abc ...', 'half a fence is none');
    const nested = renderText(message({ output: 'a ``` b [x](https://evil.example)\n'.repeat(100) }));
    assert.equal(nested.split('```').length, 3);
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

  it('of others is literal: no heading, quote, spoiler or link under another name comes of it', () => {
    const table: [written: string, sent: string][] = [
      ['[click](https://evil.example)', '[click]\\(https://evil.example)'],
      ['[a] (b) [DONE] x#12', '[a] (b) [DONE] x#12'],
      ['<https://evil.example>', '<\u200bhttps://evil.example>'],
      ['<t:0:R> a < b', '<\u200bt:0:R> a < b'],
      ['# big\n-# small\n- ## in a list', '\\# big\n-\\# small\n- \\#\\# in a list'],
      ['> said\n  >>> all', '\\> said\n  \\>>> all'],
      ['a > b, C#, #5', 'a > b, C#, #5'],
      ['||secret|| a | b', '\\|\\|secret\\|\\| a | b'],
      ['**b** ~~s~~ ~ ok', '\\*\\*b\\*\\* \\~\\~s\\~\\~ ~ ok'],
      ['_i_ __u__ snake_case_name', '\\_i\\_ \\_\\_u\\_\\_ snake_case_name'],
      ['C:\\dir\\*', 'C:\\\\dir\\\\\\*'],
      [
        'see https://a.example/x_y_/~z#__q (or https://b.example/_)',
        'see https://a.example/x_y_/~z#__q (or https://b.example/_)',
      ],
      ['run `a *b* [x](y)` now', 'run `a *b* [x](y)` now'],
      ['a ` b', 'a \\` b'],
      ['``a`[x](https://b)``', '\\`\\`a\\`[x]\\(https://b)\\`\\`'],
      // Discord ends an address at the next blank: what looks like code there is none.
      ['https://a.example`c [x](https://evil.example)`', 'https://a.example\\`c [x]\\(https://evil.example)\\`'],
      ['a\n```ts\n[x](y)\n```\n*b*', 'a\n```\n[x](y)\n```\n\\*b\\*'],
      ['~~~\n# x', '```\n# x\n```'],
      ['````\n```\n````', '```\n``\u200b`\n```'],
      ['```\n\n```\nb', 'b'],
    ];
    for (const [written, sent] of table) assert.equal(renderText(message({ body: written })), sent, written);
    const all = { title: '[x](https://a)', fields: [{ name: 'Branch', value: '[x](https://a)' }] };
    const links = [{ label: '[x](https://a)', url: 'https://b.example/__x__' }];
    assert.equal(
      renderText(message({ ...all, links })),
      '# [x]\\(https://a)\n[x]\\(https://a): https://b.example/__x__\nBranch: [x]\\(https://a)',
    );
    const fields = [
      { name: 'Summary', value: '```\nleft open' },
      { name: 'Answer', value: '`ampa respond P1`' },
    ];
    assert.equal(renderText(message({ fields })), 'Summary: ```\nleft open\n```\nAnswer: `ampa respond P1`');
  });

  it('of others stays literal wherever it is cut, and within its limit', () => {
    const word = fc.constantFrom(
      ...[
        '`',
        '``',
        '```',
        '\n',
        '\n```\n',
        '~~~\n',
        '\\',
        '[',
        '](',
        ')',
        'https://a.b/',
        ' ',
        'x',
        '*',
        '||',
        '# ',
        '> ',
        '<@1>',
        '_',
      ],
    );
    const text = fc.array(word, { maxLength: 40 }).map((words) => words.join(''));
    fc.assert(
      fc.property(text, text, text, fc.integer({ min: 20, max: 120 }), (body, value, output, max) => {
        const said = renderText(message({ title: value, body, output, fields: [{ name: 'n', value }] }), { max });
        assert.ok(said.length <= max);
        assert.equal(closing(said), '');
        // What Discord takes as code, as escaped and as an address; nothing of the rest may mean anything.
        const rest = said
          .replace(/```\n[^]*?\n```|(`+)[^]*?[^`]\1(?!`)|\\[^0-9A-Za-z\s]|https?:\/\/[^\s<]+/g, '\u2022')
          .replace(/^# /, '');
        assert.doesNotMatch(rest, /\]\(|[*`]|\|\||^\s*>|^#+[^\S\n]|<[^\s\u200b.]/m, said);
      }),
      { numRuns: 1000 },
    );
  });

  it('is made in a time that grows with it, not faster', () => {
    for (const hard of ['#', '~', '`', '~~~ `', '> ', '[', '](', 'https://', '\n```x', '\\', '`a', '|', ' \n'])
      assert.ok(literal(hard.repeat(60_000)).length <= 3 * 60_000 * hard.length);
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
