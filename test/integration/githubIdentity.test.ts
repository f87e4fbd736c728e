import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { describeError } from '../../src/errors.ts';
import { ACME, setUpGitHub, sha, type GitHubSetup } from '../support/github.ts';

const ALL = {
  contents: 'write',
  pull_requests: 'write',
  issues: 'write',
  workflows: 'write',
  actions: 'read',
  checks: 'read',
  statuses: 'read',
};

describe('Who AMPA is to GitHub', () => {
  let it_: GitHubSetup;
  let folder: string;
  let keys: { publicKey: KeyObject; privateKey: KeyObject };
  before(() => {
    keys = generateKeyPairSync('rsa', { modulusLength: 2048 });
  });
  beforeEach(async () => {
    it_ = await setUpGitHub();
    folder = await mkdtemp(path.join(tmpdir(), 'ampa-identity-'));
    it_.fake.app = { id: '12', slug: 'ampa', key: keys.publicKey, installations: { 'acme/widget': ALL } };
  });
  afterEach(async () => {
    await it_.fake.close();
    await rm(folder, { recursive: true });
  });

  const pem = (type: 'pkcs1' | 'pkcs8'): string => keys.privateKey.export({ type, format: 'pem' }).toString();
  const asApp = (more: Record<string, string> = {}) => ({
    env: {
      AMPA_GITHUB_API_URL: it_.fake.url,
      AMPA_GITHUB_APP_ID: '12',
      AMPA_GITHUB_APP_PRIVATE_KEY: pem('pkcs8'),
      GITHUB_TOKEN: it_.fake.token,
      ...more,
    },
  });
  const mints = (): number => it_.fake.requests.filter((r) => r.endsWith('access_tokens')).length;

  describe('as an App', () => {
    const forms: [string, () => string][] = [
      ['PKCS#1', () => pem('pkcs1')],
      ['PKCS#8', () => pem('pkcs8')],
      ['PKCS#8 on one line with \\n', () => pem('pkcs8').replaceAll('\n', '\\n')],
      ['PKCS#8 as a box of one line pastes it', () => pem('pkcs8').replaceAll('\n', '')],
      ['PKCS#1 in Base64', () => Buffer.from(pem('pkcs1')).toString('base64')],
    ];
    for (const [name, key] of forms) {
      it(`signs with a key in ${name}`, async () => {
        const github = await it_.make(asApp({ AMPA_GITHUB_APP_PRIVATE_KEY: key() }));
        assert.equal(await github.identity(ACME), 'app');
        assert.equal(await github.forge.login(ACME), 'ampa[bot]');
        assert.deepEqual(await github.forge.probe(ACME), { ok: true, login: 'ampa[bot]', missing: [] });
        assert.match((await github.forge.gitToken(ACME, it_.signal)).password, /^ghs_minted1/);
      });
    }

    it('reads the key from a file', async () => {
      const file = path.join(folder, 'app.pem');
      await writeFile(file, pem('pkcs1'));
      const github = await it_.make(asApp({ AMPA_GITHUB_APP_PRIVATE_KEY: '', AMPA_GITHUB_APP_PRIVATE_KEY_PATH: file }));
      assert.equal((await github.forge.gitToken(ACME, it_.signal)).username, 'x-access-token');
    });

    it('asks once for a token, and anew before it expires', async () => {
      const { forge } = await it_.make(asApp());
      const take = async () => (await forge.gitToken(ACME, it_.signal)).password;
      const many = await Promise.all([take(), take(), take()]);
      assert.equal(new Set(many).size, 1);
      assert.equal(mints(), 1);
      it_.clock.now += 54 * 60_000;
      assert.equal(await take(), many[0]);
      it_.clock.now += 2 * 60_000;
      assert.notEqual(await take(), many[0]);
      assert.equal(mints(), 2);
      assert.equal(await forge.hasChecks(ACME, 'main', it_.signal), false, 'the new one is used');
    });

    it('takes another token when one is refused before its time', async () => {
      const { forge } = await it_.make(asApp());
      await forge.hasChecks(ACME, 'main', it_.signal);
      for (const token of it_.fake.tokens.keys()) if (token.startsWith('ghs_')) it_.fake.tokens.delete(token);
      await forge.hasChecks(ACME, 'main', it_.signal);
      assert.equal(mints(), 2);
    });

    const broken: [string, () => Record<string, string>, RegExp][] = [
      ['a key that is none', () => ({ AMPA_GITHUB_APP_PRIVATE_KEY: 'hunter22hunter22' }), /is not PEM/],
      [
        'a damaged key',
        () => ({ AMPA_GITHUB_APP_PRIVATE_KEY: pem('pkcs8').replace(/\n.{40}/, '\n') }),
        /private key of the GitHub App cannot be read/,
      ],
      [
        'a key of another kind',
        () => ({
          AMPA_GITHUB_APP_PRIVATE_KEY: generateKeyPairSync('ed25519')
            .privateKey.export({ type: 'pkcs8', format: 'pem' })
            .toString(),
        }),
        /is ed25519, not RSA/,
      ],
      ['no key', () => ({ AMPA_GITHUB_APP_PRIVATE_KEY: '' }), /has an id and no private key/],
      [
        'a file that is not there',
        () => ({ AMPA_GITHUB_APP_PRIVATE_KEY: '', AMPA_GITHUB_APP_PRIVATE_KEY_PATH: '/nowhere/key.pem' }),
        /key\.pem cannot be read \(ENOENT\)/,
      ],
    ];
    for (const [name, env, message] of broken) {
      it(`with ${name} says so, shows nothing of it and is nobody else`, async () => {
        const github = await it_.make(asApp(env()));
        await assert.rejects(github.identity(ACME), (error) => {
          const said = describeError(error) + JSON.stringify(error) + String((error as Error).stack);
          assert.match(said, message);
          assert.doesNotMatch(said, /BEGIN|hunter22|MII/);
          return true;
        });
        assert.deepEqual(it_.fake.requests, []);
      });
    }

    it('with the key of another App says so', async () => {
      const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
      const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
      const { forge } = await it_.make(asApp({ AMPA_GITHUB_APP_PRIVATE_KEY: key }));
      await assert.rejects(forge.gitToken(ACME, it_.signal), /does not accept the private key of App 12/);
      await assert.rejects(forge.login(ACME), /does not accept the private key of App 12/);
    });

    it('that is not installed on the repository says so', async () => {
      const { forge } = await it_.make(asApp());
      const other = { ...ACME, name: 'gadget' };
      await assert.rejects(forge.gitToken(other, it_.signal), /App 12 is not installed on acme\/gadget/);
    });

    it('without a vital permission says so; what it lacks besides is told by probe', async () => {
      it_.fake.app!.installations['acme/widget'] = { ...ALL, pull_requests: 'read' };
      const { forge } = await it_.make(asApp());
      await assert.rejects(forge.gitToken(ACME, it_.signal), /lacks the permissions pull_requests: write/);
      const { checks: _checks, workflows: _workflows, ...less } = ALL;
      it_.fake.app!.installations['acme/widget'] = { ...less, actions: 'write' };
      assert.deepEqual((await forge.probe(ACME)).missing, ['workflows: write', 'checks: read']);
    });
  });

  describe('in order', () => {
    async function gh(script: string): Promise<Record<string, string>> {
      const file = path.join(folder, 'gh');
      await writeFile(file, `#!/bin/sh\n${script}\n`);
      await chmod(file, 0o755);
      return { PATH: `${folder}${path.delimiter}/usr/bin${path.delimiter}/bin`, AMPA_GITHUB_API_URL: it_.fake.url };
    }

    it('is the editor’s session, then the environment, then gh; and nobody', async () => {
      const env = await gh(`test "$*" = "auth token --hostname github.com" && echo ${it_.fake.token}`);
      const kind = async (options: Parameters<GitHubSetup['make']>[0]) => (await it_.make(options)).identity(ACME);
      const editorToken = async () => it_.fake.token;
      assert.equal(await kind({ env: { ...env, GH_TOKEN: 'x' }, editorToken }), 'editor');
      assert.equal(await kind({ env: { ...env, GH_TOKEN: 'x' }, editorToken: async () => null }), 'environment');
      assert.equal(await kind({ env }), 'gh');
      assert.equal(await kind({ env: { ...env, PATH: '/usr/bin' } }), null);
      assert.equal(await kind({ env: { ...env, GITHUB_TOKEN: 'x' }, only: 'gh', editorToken }), 'gh');
      const label = await (await it_.make({ env: { ...env, GH_TOKEN: 'x' } })).identityLabel(ACME);
      assert.equal(label, 'GH_TOKEN');
    });

    it('each of them is who its token says', async () => {
      const env = await gh(`echo ${it_.fake.token}`);
      for (const options of [
        { env: { ...env, PATH: '' }, editorToken: async () => it_.fake.token },
        { env: { ...env, PATH: '', GITHUB_TOKEN: ` ${it_.fake.token}\n` } },
        { env },
      ]) {
        const { forge } = await it_.make(options);
        assert.equal(await forge.login(ACME), 'octocat');
      }
    });

    it('gh that is not signed in is nobody', async () => {
      const env = await gh('echo "no oauth token found for github.com" >&2; exit 1');
      const github = await it_.make({ env });
      assert.equal(await github.identity(ACME), null);
      await assert.rejects(github.forge.login(ACME), /Nobody is signed in to github\.com/);
    });

    it('gh is asked for another token when one is refused, and sees no secret of ours', async () => {
      const env = await gh(
        `test -z "$AMPA_GITHUB_APP_PRIVATE_KEY" || exit 3\n` +
          `if test -e "${folder}/asked"; then echo ${it_.fake.token}; else touch "${folder}/asked"; echo old; fi`,
      );
      const { forge } = await it_.make({ env: { ...env, AMPA_GITHUB_APP_PRIVATE_KEY: 'x' } });
      assert.equal(await forge.login(ACME), 'octocat');
    });

    it('the editor’s token is taken anew each time', async () => {
      let token: string | null = 'old';
      const { forge } = await it_.make({ env: { AMPA_GITHUB_API_URL: it_.fake.url }, editorToken: async () => token });
      await assert.rejects(forge.login(ACME), /401/);
      token = it_.fake.token;
      assert.equal(await forge.login(ACME), 'octocat');
      token = null;
      await assert.rejects(forge.login(ACME), /no longer signed in to GitHub/);
    });
  });

  it('what a token lacks is named', async () => {
    it_.fake.tokens.set(it_.fake.token, {
      login: 'octocat',
      scopes: 'repo',
      permissions: ['actions', 'pull_requests'],
    });
    it_.repo.canPush = false;
    it_.fake.graphqlOff = true;
    const { forge } = await it_.make();
    assert.deepEqual((await forge.probe(ACME)).missing, [
      'GraphQL',
      'checks: read',
      'contents: write (you may not push here)',
      'issues: write',
      'statuses: read',
      'workflow',
    ]);
  });

  it('an Enterprise host has its own addresses', async () => {
    const seen: string[] = [];
    const { forge } = await it_.make({
      env: { GITHUB_TOKEN: it_.fake.token, AMPA_GITHUB_API_URL: 'https://ghe.corp.example/api/v3' },
      fetch: (url, init) => {
        seen.push(url);
        return fetch(url.replace(/^https:\/\/ghe\.corp\.example/, it_.fake.url), init);
      },
    });
    const repo = { ...ACME, host: 'ghe.corp.example' };
    assert.equal(await forge.login(repo), 'octocat');
    await forge.snapshots(repo, [{ sha: sha(1), pullRequest: null }], it_.signal);
    assert.deepEqual(seen, ['https://ghe.corp.example/api/v3/user', 'https://ghe.corp.example/api/graphql']);
  });

  describe('behind a proxy', () => {
    let proxy: Server;
    let through: string[];
    beforeEach(async () => {
      through = [];
      proxy = createServer((_request, response) => void response.writeHead(400).end());
      proxy.on('connect', (request, socket, head) => {
        through.push(request.url ?? '');
        const [host, port] = (request.url ?? '').split(':');
        const up = connect(Number(port), host, () => {
          socket.write('HTTP/1.1 200 OK\r\n\r\n');
          up.write(head);
          up.pipe(socket).pipe(up);
        });
        up.on('error', () => socket.destroy());
        socket.on('error', () => up.destroy());
      });
      await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    });
    afterEach(() => {
      proxy.closeAllConnections();
      proxy.close();
    });

    it('requests go through it, but not those to the hosts of NO_PROXY', async () => {
      const address = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
      const env = { GITHUB_TOKEN: it_.fake.token, AMPA_GITHUB_API_URL: it_.fake.url, http_proxy: address };
      assert.equal(await (await it_.make({ env })).forge.login(ACME), 'octocat');
      assert.deepEqual(through, [new URL(it_.fake.url).host]);
      assert.equal(await (await it_.make({ env: { ...env, NO_PROXY: '127.0.0.1' } })).forge.login(ACME), 'octocat');
      assert.equal(through.length, 1);
    });

    it('they do so in a bundle too', async () => {
      const address = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
      await build({
        entryPoints: [path.resolve(import.meta.dirname, '../../src/adapters/github/proxy.ts')],
        outdir: folder,
        bundle: true,
        splitting: true,
        format: 'esm',
        platform: 'node',
        outExtension: { '.js': '.mjs' },
        logLevel: 'error',
        banner: {
          js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
        },
      });
      const { fetchOf } = (await import(pathToFileURL(path.join(folder, 'proxy.mjs')).href)) as {
        fetchOf: (env: object) => Promise<typeof fetch>;
      };
      const response = await (await fetchOf({ HTTPS_PROXY: address, HTTP_PROXY: address }))(`${it_.fake.url}/user`);
      assert.equal(response.status, 401);
      assert.equal(through.length, 1);
    });
  });
});
