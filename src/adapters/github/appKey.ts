/** The private key of a GitHub App, and the short tokens signed with it. */
import { createPrivateKey, sign, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { AmpaError, codeOf } from '../../errors.ts';

const HINT = 'Download a private key from the App’s settings page on GitHub and give it whole, as PEM.';

/**
 * Reads a PEM in PKCS#1 or PKCS#8, with real or escaped newlines or, as a box of one line pastes it, none,
 * or all of it in Base64. The key itself is part of no error.
 */
function parseKey(text: string): KeyObject {
  let pem = text.trim().replaceAll('\\n', '\n');
  if (!pem.includes('-----BEGIN')) pem = Buffer.from(pem, 'base64').toString('utf8');
  if (!pem.includes('-----BEGIN'))
    throw new AmpaError('external', 'The private key of the GitHub App is not PEM', HINT);
  pem = pem.replace(/^(-----BEGIN [A-Z ]+-----) *([\w+/= ]+?) *(-----END [A-Z ]+-----)$/, (_, begin, base64, end) =>
    [begin, ...(base64.replaceAll(' ', '').match(/.{1,64}/g) ?? []), end].join('\n'),
  );
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch {
    // OpenSSL's words help nobody, and could quote the key.
    const locked = /ENCRYPTED/.test(pem) ? 'is encrypted' : 'cannot be read';
    throw new AmpaError('external', `The private key of the GitHub App ${locked}`, HINT);
  }
  if (key.asymmetricKeyType !== 'rsa') {
    throw new AmpaError('external', `The private key of the GitHub App is ${key.asymmetricKeyType}, not RSA`, HINT);
  }
  return key;
}

/** The key from the variable's own text, or from the file that is named. */
export async function loadKey(text: string | undefined, file: string | undefined): Promise<KeyObject> {
  if (text) return parseKey(text);
  if (!file) {
    throw new AmpaError(
      'external',
      'The GitHub App has an id and no private key',
      'Set AMPA_GITHUB_APP_PRIVATE_KEY or AMPA_GITHUB_APP_PRIVATE_KEY_PATH.',
    );
  }
  let read: string;
  try {
    read = await readFile(file, 'utf8');
  } catch (error) {
    const why = codeOf(error) || 'unreadable';
    throw new AmpaError('external', `The private key file ${file} cannot be read (${why})`, HINT);
  }
  return parseKey(read);
}

/** A token that names the App itself for nine minutes; `nowMs` is ms since the epoch. */
export function appJwt(appId: string, key: KeyObject, nowMs: number): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const seconds = Math.floor(nowMs / 1000);
  // A minute into the past, as GitHub asks: its clock may be behind ours.
  const body = `${part({ alg: 'RS256', typ: 'JWT' })}.${part({ iat: seconds - 60, exp: seconds + 540, iss: appId })}`;
  return `${body}.${sign('sha256', Buffer.from(body), key).toString('base64url')}`;
}
