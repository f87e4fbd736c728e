/* eslint-disable no-control-regex -- control characters are what must not be left */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { plainText, terminalText } from '../../src/webview/terminalText.ts';
import { computingMs } from '../support/computing.ts';

const ESC = '\u001b';
const plain = (text: string): string => plainText().push(text);
const terminal = (text: string): string => terminalText().push(text);

describe('What a program prints', () => {
  it('keeps its colours in a terminal and loses them on a page', () => {
    const text = `${ESC}[1;31mred${ESC}[0m and ${ESC}[38;5;12mblue${ESC}[m\n`;
    assert.equal(terminal(text), `${ESC}[1;31mred${ESC}[0m and ${ESC}[38;5;12mblue${ESC}[m\r\n`);
    assert.equal(plain(text), 'red and blue\n');
  });

  it('can neither clear, move, ask, name, link nor reach the clipboard', () => {
    const harmful = [
      `${ESC}[2J`,
      `${ESC}[H`,
      `${ESC}[10;20H`,
      `${ESC}[6n`,
      `${ESC}[c`,
      `${ESC}[>c`,
      `${ESC}[?1049h`,
      `${ESC}[?25l`,
      `${ESC}c`,
      `${ESC}7`,
      `${ESC}(0`,
      `${ESC}]0;title\u0007`,
      `${ESC}]52;c;c2VjcmV0\u0007`,
      `${ESC}]52;c;c2VjcmV0${ESC}\\`,
      `${ESC}]8;;file:///x${ESC}\\`,
      `${ESC}]633;C\u0007`,
      `${ESC}P$q"p${ESC}\\`,
      `${ESC}_x${ESC}\\`,
      `${ESC}^x${ESC}\\`,
      `${ESC}Xx${ESC}\\`,
      '\u009b2J',
      '\u009d0;title\u009c',
      '\u0090x\u009c',
      '\u0007',
      '\u0008',
      '\u000e',
      '\u007f',
      '\u0000',
    ];
    for (const it of harmful) {
      assert.equal(terminal(`a${it}b`), 'ab', JSON.stringify(it));
      assert.equal(plain(`a${it}b`), 'ab', JSON.stringify(it));
    }
  });

  it('cannot build a sequence out of what is taken away', () => {
    for (const it of [
      `${ESC}${ESC}[2J[2J`,
      `${ESC}${ESC}[2J]52;c;eA==\u0007`,
      `${ESC}\u0000[2J`,
      `\u009b${ESC}[1m2J`,
      `${ESC}]0;x`,
      ESC,
    ]) {
      const filter = terminalText();
      const shown = filter.push(it) + filter.push(' end\n');
      assert.doesNotMatch(
        shown.replaceAll(/\u001b\[[0-9;:]*m/g, ''),
        /[\u001b\u0080-\u009f\u0007]/,
        JSON.stringify(it),
      );
    }
  });

  it('ends its lines as terminals and pages want it', () => {
    assert.equal(terminal('a\nb\r\nc\r\r\nd'), 'a\r\nb\r\nc\r\nd');
    assert.equal(plain('a\r\nb\tc\n'), 'a\nb\tc\n');
    assert.equal(plain('10%\r50%\r100%\n'), '10%\n50%\n100%\n');
  });

  it('comes out the same wherever it is cut', () => {
    const part = fc.constantFrom(
      'text',
      ' ',
      '\n',
      '\r\n',
      '\r',
      'ü€😀',
      `${ESC}[31m`,
      `${ESC}[0m`,
      `${ESC}[2J`,
      `${ESC}[?25h`,
      `${ESC}]0;t\u0007`,
      `${ESC}]8;;http://x${ESC}\\`,
      `${ESC}(B`,
      '\u009b1m',
      '[31m',
      '\u0007',
    );
    fc.assert(
      fc.property(
        fc.array(part, { maxLength: 20 }),
        fc.array(fc.nat(7), { minLength: 1, maxLength: 40 }),
        (parts, cuts) => {
          const text = [...parts, '.\n'].join('');
          for (const make of [plainText, terminalText]) {
            const filter = make();
            let out = '';
            let from = 0;
            for (let i = 0; from < text.length; i++) {
              const to = from + 1 + (cuts[i % cuts.length] ?? 0);
              out += filter.push(text.slice(from, to));
              from = to;
            }
            assert.equal(out, make().push(text));
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  it('takes no longer for being hostile', () => {
    for (const unit of [
      '\r',
      ESC,
      `${ESC}[`,
      `${ESC}]`,
      '\u009d',
      `${ESC}[1;`,
      `${ESC} `,
      `${ESC}]0;`,
      '\u009b',
      '0;',
    ]) {
      const text = unit.repeat(Math.floor(262_144 / unit.length));
      const took = computingMs(() => {
        terminal(text);
        plain(text);
      });
      assert.ok(took < 500, `${JSON.stringify(unit)} took ${Math.round(took)} ms`);
    }
  });
});
