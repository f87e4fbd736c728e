import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { plain } from '../../src/vscode/plain.ts';

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
      for (const words of [...shown, ...asked]) {
        calls++;
        // Its own words, or made plain: `text` in notifications.ts, `none` in choose.ts is a question's own.
        assert.match(words, /^(?:'|plain\(|text[,)]|none\))/, `${file}: ${words.slice(0, 80)}`);
      }
    }
    assert.ok(calls > 20, `${calls}`);
  });
});
