import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { plain, withLink, withoutIcons } from '../../src/vscode/plain.ts';

/** What the editor makes a link of: its own pattern. */
const LINK = /\[([^\]]+)\]\(((?:https?:\/\/|command:|file:)[^)\s]+)(?: (["'])(.+?)(\3))?\)/gi;
const folder = path.resolve(import.meta.dirname, '../../src/vscode');

describe('Words of others in a notice of the editor', () => {
  it('are no link, whatever they look like', () => {
    for (const text of ['[Allow](command:ampa.mergeTask)', '[[a](command:b)](https://c)', '](x[y](file:///z "t")']) {
      LINK.lastIndex = 0;
      assert.ok(text.match(LINK), text);
      assert.equal(plain(text).match(LINK), null, text);
      assert.equal(plain(text).replaceAll('\u200b', ''), text, 'all of it is there to read');
    }
  });

  it('are no part of our own link behind them, and leave it whole', () => {
    const ours = '[Never](command:ampa.x "t")';
    for (const words of [
      'wants to run: [ -f a',
      '{"a":["b","c',
      '[x](command:y) [z',
      'x'.repeat(3000),
      '](['.repeat(900),
    ]) {
      const text = withLink(words, ours);
      assert.deepEqual(text.match(LINK), [ours], words.slice(0, 40));
      assert.ok(text.length <= 1000 && text.endsWith(ours));
    }
    assert.equal(withLink('runs [a] now', ours), `runs [a] now ${ours}`);
  });

  it('hold no icon where the editor draws some', () => {
    const text = withoutIcons('rm -r $(pwd) \\$(HOME) $(sync~spin)');
    assert.doesNotMatch(text, /\$\([a-z]/i);
    assert.equal(text.replaceAll('\u200b', ''), 'rm -r $(pwd) \\$(HOME) $(sync~spin)');
  });

  it('go through that in the status bar and in what says that something is under way', () => {
    let calls = 0;
    for (const file of fs.readdirSync(folder).filter((name) => name.endsWith('.ts'))) {
      const code = fs.readFileSync(path.join(folder, file), 'utf8');
      for (const [text] of code.matchAll(/setStatusBarMessage\(.*|ProgressLocation\..*title.*/g)) {
        calls++;
        for (const [, words = ''] of text.matchAll(/\$\{([^}]*)\}/g))
          assert.match(words, /^(?:withoutIcons\(|said$|what$|next$|id$|chosen\.env$)/, `${file}: ${text}`);
        assert.match(text, /title: (?:'|`|plain\()|setStatusBarMessage/, `${file}: ${text}`);
      }
    }
    assert.ok(calls > 8, `${calls}`);
  });

  it('go through that wherever a notice, or the prompt of an input box, holds more than our own words', () => {
    let calls = 0;
    for (const file of fs.readdirSync(folder).filter((name) => name.endsWith('.ts'))) {
      const code = fs.readFileSync(path.join(folder, file), 'utf8');
      const shown = [...code.matchAll(/show(?:Information|Warning|Error)Message\)?\(\s*/g)]
        .map((match) => code.slice(match.index + match[0].length))
        // Dialogs make no links.
        .filter((words) => !/^[^;]{0,200}(?:modal: true|, options,)/.test(words));
      const asked = [...code.matchAll(/^\s+prompt: (?=.*(?:[$]\{|[a-z]\(|\.summary))(?:.* : )?/gm)]
        .map((match) => code.slice(match.index + match[0].length))
        .filter((words) => /^[^;]{0,300}validateInput/.test(words));
      // A prompt draws icons, too.
      const drawn = [...code.matchAll(/\.prompt = ([\s\S]{200})/g)].map(([, words = '']) => words);
      for (const words of [...asked, ...drawn]) assert.match(words, /^plain\(\s*withoutIcons\(/, `${file}: ${words}`);
      for (const words of [...shown, ...asked]) {
        calls++;
        // Its own words, or made plain: `text` in notifications.ts, `none` in choose.ts is a question's own.
        assert.match(words, /^(?:'|plain\(|text[,)]|none\))/, `${file}: ${words.slice(0, 80)}`);
      }
    }
    assert.ok(calls > 20, `${calls}`);
  });
});
