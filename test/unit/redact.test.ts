import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync } from 'node:crypto';
import { excerptOf } from '../../src/tasks/excerpt.ts';
import { createMask, createRedactor, redact, redactCommand, secretForms } from '../../src/tasks/redact.ts';

const pem = (type: 'pkcs1' | 'pkcs8'): string =>
  generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type, format: 'pem' },
  }).privateKey;

const LINES = (key: string): string[] => key.split('\n').filter((line) => line !== '' && !line.startsWith('-----'));

function assertHidden(key: string, text: string): void {
  for (const line of LINES(key)) assert.ok(!text.includes(line), `${line} is shown in ${text}`);
}

describe('what is masked', () => {
  const key = pem('pkcs8');

  it('a private key is, however the text arrives', () => {
    const text = `before\n${key}after\n`;
    assert.equal(redact(text), 'before\n***\nafter\n');
    for (const size of [1, 7, 64, 1000]) {
      const redactor = createRedactor([]);
      let out = '';
      for (let i = 0; i < text.length; i += size) out += redactor.push(text.slice(i, i + size));
      out += redactor.rest();
      assertHidden(key, out);
      assert.match(out, /^before\n\*\*\*\n\s*after\n$/);
    }
  });

  it('a private key is in the log of CI, where each line has its time', () => {
    const stamped = key
      .trim()
      .split('\n')
      .map((line) => `2026-01-01T00:00:00.0000000Z ${line}`)
      .join('\n');
    const mask = createMask();
    const out = [`${stamped}\n`, 'error: it broke\n'].map(mask).join('');
    assertHidden(key, out);
    assert.match(out, /error: it broke/);
  });

  it('a private key is in the excerpt of a failing step', () => {
    const excerpt = excerptOf(`error: the key is\n${pem('pkcs1')}error: and it broke\n`);
    assert.equal(excerpt.split('\n')[0], 'error: the key is');
    assert.match(excerpt, /error: and it broke/);
    assert.ok(!/[A-Za-z0-9+/]{40}/.test(excerpt), excerpt);
  });

  it('a key without its end takes nothing else along', () => {
    const mask = createMask();
    const cut = key.split('\n').slice(0, 5).join('\n');
    const out = mask(`${cut}\nnot a key any more\nnor this\n`);
    assertHidden(cut, out);
    assert.match(out, /not a key any more\nnor this/);
  });

  it('a private key within a command is, to its last piece, and nothing that a shell would act on', () => {
    const random = ['a', 'b', 'c', 'd'].map((text) => createHash('sha512').update(text).digest());
    for (let bytes = 130; bytes < 256; bytes++) {
      const body =
        Buffer.concat(random)
          .subarray(0, bytes)
          .toString('base64')
          .match(/.{1,64}/g) ?? [];
      const pem = ['-----BEGIN EC PRIVATE KEY-----', ...body, '-----END EC PRIVATE KEY-----', ''].join('\n');
      for (const key of [pem, pem.replaceAll('\n', '\\n')]) {
        const shown = redactCommand(`cat > /home/me/keys/deploy.pem <<'EOF'\n${key}EOF\nreboot`);
        for (const piece of body.join('/').split(/[/=]/))
          if (piece.length > 5) assert.ok(!shown.includes(piece), `${piece} of ${pem} is in ${shown}`);
        assert.match(shown, /^cat > \/home\/me\/keys\/deploy\.pem <<'EOF'\n[\s\S]*EOF\nreboot$/);
      }
    }
    const command =
      'echo -----BEGIN PRIVATE KEY-----\nreboot\n/usr/local/share/applications/bin/run\n-----END PRIVATE KEY-----';
    assert.equal(redactCommand(command), command.replace('-----BEGIN PRIVATE KEY-----', '***'));
  });

  it('a secret of many lines is known line by line', () => {
    const mask = createMask(secretForms(key));
    for (const line of LINES(key)) {
      if (line.length >= 16) assert.equal(mask(`> ${line}\n`), '> ***\n');
    }
  });
});
