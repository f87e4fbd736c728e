/** Who AMPA is to GitHub: an App, the editor's session, a token of the environment, or gh's. */
import { homedir } from 'node:os';
import type { Fetch } from '../../tasks/ports.ts';
import type { ForgeRepo, IdentityKind } from '../../tasks/task.ts';
import { AmpaError } from '../../errors.ts';
import { findOnPath } from '../process/find.ts';
import { probe } from '../process/probe.ts';
import { createAppTokens, type AppTokens } from './appTokens.ts';
import { loadKey } from './appKey.ts';
import { apiUrlOf } from './remote.ts';

type Env = Readonly<Record<string, string | undefined>>;

export interface IdentityOptions {
  env: Env;
  appId?: string;
  appPrivateKey?: string;
  appPrivateKeyPath?: string;
  /** Token of the editor's own session, asked silently; null where there is none. */
  editorToken?: (host: string) => Promise<string | null>;
  /** Only this kind is looked for: a task keeps the one it was made with. */
  only?: IdentityKind;
  apiUrl: string;
  /** GitHub's own host, or one whose address the user has set: what is there for no host by name may go there. */
  isOurs: boolean;
  fetch: Fetch;
  now: () => number;
  secondMs?: number;
}

export interface Identity {
  kind: IdentityKind;
  /** For people: `GitHub App 12`, `GITHUB_TOKEN`. */
  label: string;
  /** A token that is good for some minutes at least. Rejects with words for people. */
  token(repo: ForgeRepo, signal?: AbortSignal): Promise<string>;
  /** GitHub does not know the last token any more: forgets it. False where no other one can be had. */
  renew(repo: ForgeRepo): boolean;
  /** Only of an App. */
  app: AppTokens | null;
}

/**
 * The first identity that is there for a host, in the order of the file's first line, and only what belongs
 * to it; null where nobody is signed in. Rejects where one is set up and unusable: the next would act as
 * someone else.
 */
export async function resolveIdentity(host: string, options: IdentityOptions): Promise<Identity | null> {
  const wanted = (kind: IdentityKind): boolean => options.only === undefined || options.only === kind;
  return (
    (wanted('app') && options.isOurs && (await appIdentity(options))) ||
    (wanted('editor') && (await editorIdentity(host, options))) ||
    (wanted('environment') && options.isOurs && environmentIdentity(options.env)) ||
    (wanted('gh') && (await ghIdentity(host, options.env))) ||
    null
  );
}

async function appIdentity(options: IdentityOptions): Promise<Identity | null> {
  const { env, apiUrl, fetch, now, secondMs } = options;
  const appId = options.appId || env.AMPA_GITHUB_APP_ID;
  if (!appId) return null;
  const key = await loadKey(
    options.appPrivateKey || env.AMPA_GITHUB_APP_PRIVATE_KEY,
    options.appPrivateKeyPath || env.AMPA_GITHUB_APP_PRIVATE_KEY_PATH,
  );
  const app = createAppTokens({ appId, key, apiUrl, fetch, now, secondMs });
  return {
    kind: 'app',
    label: `GitHub App ${appId}`,
    app,
    token: async (repo, signal) => (await app.token(repo, signal)).token,
    renew: (repo) => app.forget(repo),
  };
}

async function editorIdentity(host: string, { editorToken, apiUrl }: IdentityOptions): Promise<Identity | null> {
  // The editor's session is one of github.com: another server gets it only where the user set its address.
  const elsewhere = host !== 'github.com' && apiUrl === apiUrlOf({ host });
  if (!editorToken || elsewhere || !(await editorToken(host))) return null;
  return {
    kind: 'editor',
    label: 'the GitHub account of the editor',
    app: null,
    async token() {
      const token = await editorToken(host);
      if (token) return token;
      throw new AmpaError('external', 'The editor is no longer signed in to GitHub', 'Run AMPA: Sign In to GitHub.');
    },
    renew: () => false,
  };
}

function environmentIdentity(env: Env): Identity | null {
  const name = ['GITHUB_TOKEN', 'GH_TOKEN'].find((it) => env[it]?.trim());
  if (name === undefined) return null;
  const token = env[name]!.trim();
  return { kind: 'environment', label: name, app: null, token: async () => token, renew: () => false };
}

async function ghIdentity(host: string, env: Env): Promise<Identity | null> {
  const program = await findOnPath('gh', env);
  if (program === null) return null;
  const ask = async (): Promise<string | null> => {
    const given = Object.entries(env).filter(
      (entry): entry is [string, string] => entry[1] !== undefined && !entry[0].startsWith('AMPA_'),
    );
    const { code, output } = await probe([program, 'auth', 'token', '--hostname', host], {
      cwd: homedir(),
      env: { ...Object.fromEntries(given), GH_PROMPT_DISABLED: '1', NO_COLOR: '1' },
      timeoutMs: 10_000,
    });
    // gh says in words, and not with a token alone, that nobody is signed in.
    const token = output.trim();
    return code === 0 && /^\S+$/.test(token) ? token : null;
  };
  let token = await ask();
  if (token === null) return null;
  let asked = 0;
  return {
    kind: 'gh',
    label: 'gh auth token',
    app: null,
    async token() {
      token ??= await ask();
      if (token) return token;
      throw new AmpaError('external', 'gh is no longer signed in to GitHub', 'Run `gh auth login`.');
    },
    renew() {
      // gh may have a new one; the same refused again is not worth a third question.
      token = null;
      return asked++ % 2 === 0;
    },
  };
}
