/** Bytes that come in any pieces, as lines; and what scripts say in one. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { createLines, type Line } from '../../src/adapters/socket/lines.ts';
import { parseSocketMessage } from '../../src/notifications/socketMessage.ts';

const read = (max: number, chunks: Buffer[]): string[] => {
  const lines = createLines(max);
  const shown = (line: Line): string => (line === 'too large' ? line : line.toString('latin1'));
  return [...chunks.flatMap((chunk) => lines.push(chunk)), ...lines.end()].map(shown);
};

describe('Lines of a socket', () => {
  it('are the same however the bytes are cut', () => {
    const text = fc.array(
      fc.string({ maxLength: 12 }).map((it) => it.replaceAll('\n', ' ')),
      { minLength: 1 },
    );
    fc.assert(
      fc.property(text, fc.array(fc.nat(20)), (said, cuts) => {
        let rest = Buffer.from(said.map((it) => `${it}\n`).join(''), 'latin1');
        const chunks: Buffer[] = [];
        for (const cut of cuts) {
          chunks.push(rest.subarray(0, cut));
          rest = rest.subarray(cut);
        }
        const expected = said.map((it) => Buffer.from(it, 'latin1')).map((it) => (it.length > 8 ? 'too large' : it));
        assert.deepEqual(
          read(8, [...chunks, rest]),
          expected.map((it) => it.toString('latin1')),
        );
      }),
    );
  });

  it('have no end after the last one', () => {
    assert.deepEqual(read(8, [Buffer.from('a\nb')]), ['a', 'b']);
    assert.deepEqual(read(8, [Buffer.from('a\n')]), ['a']);
  });

  it('are refused at once when they grow too long, and what follows is heard again', () => {
    const lines = createLines(4);
    assert.deepEqual(lines.push(Buffer.from('12345')), ['too large']);
    assert.deepEqual(lines.push(Buffer.from('6789')), []);
    assert.deepEqual(lines.push(Buffer.from('0\nok\n')), [Buffer.from('ok')]);
  });
});

describe('A message of a script', () => {
  const said: [line: string, message: object][] = [
    ['{"content":"hi"}', { type: 'other', title: null, body: 'hi' }],
    ['{"title":"T","body":"b","message_type":"warning"}', { type: 'warning', title: 'T', body: 'b' }],
    ['{"content":"c","components":[]}', { type: 'other', title: null, body: 'c' }],
    ['{"content":"c","components":null}', { type: 'other', title: null, body: 'c' }],
    [
      '{"content":"c","components":[{"type":"button","label":"Blue","style":"primary","custom_id":"test_blue"}]}',
      {
        type: 'other',
        title: null,
        body: 'c',
        components: [{ type: 'button', label: 'Blue', style: 'primary', custom_id: 'test_blue' }],
      },
    ],
  ];
  for (const [line, message] of said) {
    it(`is read: ${line}`, () => assert.deepEqual(parseSocketMessage(line), message));
  }

  const wrong: [line: string, why: RegExp][] = [
    ['', /^invalid JSON: /],
    ['{', /^invalid JSON: /],
    ['[]', /^invalid JSON: a message is an object$/],
    ['null', /^invalid JSON: a message is an object$/],
    ['{}', /^empty message: no 'content' or 'body' field$/],
    ['{"title":"T"}', /^empty message: no 'content' or 'body' field$/],
    ['{"content":"  "}', /^empty message: no 'content' or 'body' field$/],
    ['{"content":1}', /^invalid content: it is not text$/],
    ['{"content":"c","message_type":"shout"}', /^invalid message_type: "shout" is none of heartbeat, /],
    ['{"content":"c","components":{}}', /^invalid components: components must be a list$/],
    ['{"content":"c","components":[{"type":"select"}]}', /^invalid components: component 1 has type "select"/],
  ];
  for (const [line, why] of wrong) {
    it(`is refused: ${line}`, () => assert.throws(() => parseSocketMessage(line), { message: why }));
  }
});
