import assert from 'node:assert/strict';
import { commitFailure, detailOf, isLockError, networkFailure } from '../../src/adapters/git/classify.ts';
import type { NetworkFailure } from '../../src/adapters/git/classify.ts';
import { parseChanges } from '../../src/adapters/git/diff.ts';
import { gitEnvironment, sshCommandFor } from '../../src/adapters/git/environment.ts';
import { isChosen, parsePatterns, reachesInto } from '../../src/adapters/git/ignorePatterns.ts';
import { parseSettings } from '../../src/adapters/git/settings.ts';
import { parseStatus } from '../../src/adapters/git/status.ts';

describe('git: what its messages mean', () => {
  const texts: [NetworkFailure, string][] = [
    ['auth', "fatal: could not read Username for 'https://github.com': terminal prompts disabled"],
    [
      'auth',
      "remote: Invalid username or token. Password authentication is not supported for Git operations.\nfatal: Authentication failed for 'https://github.com/o/r.git/'",
    ],
    [
      'auth',
      "remote: Permission to o/r.git denied to someone.\nfatal: unable to access 'https://github.com/o/r.git/': The requested URL returned error: 403",
    ],
    [
      'auth',
      "remote: Write access to repository not granted.\nfatal: unable to access 'https://github.com/o/r.git/': The requested URL returned error: 403",
    ],
    ['auth', "fatal: unable to access 'http://127.0.0.1:1/x.git/': The requested URL returned error: 401"],
    [
      'auth',
      'git@github.com: Permission denied (publickey).\nfatal: Could not read from remote repository.\n\nPlease make sure you have the correct access rights\nand the repository exists.',
    ],
    ['auth', 'ERROR: Permission to o/r.git denied to deploy key\nfatal: Could not read from remote repository.'],
    [
      'auth',
      'No ED25519 host key is known for github.com and you have requested strict checking.\nHost key verification failed.\nfatal: Could not read from remote repository.',
    ],
    [
      'auth',
      "remote: HTTP Basic: Access denied. The provided password or token is incorrect\nfatal: Authentication failed for 'https://gitlab.com/o/r.git/'",
    ],
    ['auth', "remote: Repository not found.\nfatal: repository 'https://github.com/o/r.git/' not found"],
    ['auth', 'ERROR: Repository not found.\nfatal: Could not read from remote repository.'],
    [
      'no_repository',
      "fatal: '../nowhere.git' does not appear to be a git repository\nfatal: Could not read from remote repository.",
    ],
    ['no_ref', "fatal: couldn't find remote ref refs/heads/nowhere"],
    ['unreachable', "fatal: unable to access 'https://github.com/o/r.git/': Could not resolve host: github.com"],
    [
      'unreachable',
      "fatal: unable to access 'http://127.0.0.1:9/x.git/': Failed to connect to 127.0.0.1 port 9 after 0 ms: Couldn't connect to server",
    ],
    [
      'unreachable',
      'ssh: Could not resolve hostname github.com: Temporary failure in name resolution\nfatal: Could not read from remote repository.',
    ],
    [
      'unreachable',
      'ssh: connect to host github.com port 22: Connection timed out\nfatal: Could not read from remote repository.',
    ],
    [
      'unreachable',
      'kex_exchange_identification: Connection closed by remote host\nfatal: Could not read from remote repository.',
    ],
    ['unreachable', "fatal: unable to access 'https://github.com/o/r.git/': The requested URL returned error: 503"],
    ['unreachable', "fatal: unable to access 'http://h/x.git/': Empty reply from server"],
    ['unreachable', 'error: RPC failed; curl 56 Recv failure: Connection reset by peer\nfatal: early EOF'],
    ['unreachable', 'fatal: the remote end hung up unexpectedly'],
    [
      'unreachable',
      "fatal: unable to access 'https://h/': server certificate verification failed. CAfile: none CRLfile: none",
    ],
    [
      'unreachable',
      "fatal: unable to access 'https://h/': Operation too slow. Less than 1 bytes/sec transferred the last 60 seconds",
    ],
    ['other', 'error: src refspec nothing does not match any'],
  ];
  for (const [kind, text] of texts) {
    it(`${kind}: ${text.split('\n')[0]!.slice(0, 90)}`, () => assert.equal(networkFailure(text), kind));
  }

  it('a lock of another git is waited for, a ref that moved is not', () => {
    for (const text of [
      "fatal: Unable to create '/r/.git/index.lock': File exists.\n\nAnother git process seems to be running in this repository",
      "error: cannot lock ref 'refs/heads/x': Unable to create '/r/.git/refs/heads/x.lock': File exists.",
      "fatal: Unable to create '/r/.git/packed-refs.lock': File exists.",
      'error: could not lock config file .git/config: File exists',
      "fatal: failed to read '/r/.git/worktrees/a/commondir': No such file or directory",
    ]) {
      assert.equal(isLockError(text), true, text);
    }
    for (const text of [
      "error: cannot lock ref 'refs/heads/x': is at 1111 but expected 2222",
      "error: cannot lock ref 'refs/heads/a/b': 'refs/heads/a' exists; cannot create 'refs/heads/a/b'",
      "fatal: cannot lock ref 'refs/heads/x': reference already exists",
      'fatal: a branch named x already exists',
      '',
    ]) {
      assert.equal(isLockError(text), false, text);
    }
  });

  it('a commit that git refuses is told from one that a hook refuses', () => {
    assert.equal(commitFailure('Author identity unknown\n\n*** Please tell me who you are.'), 'identity');
    assert.equal(commitFailure('fatal: empty ident name (for <a@b>) not allowed'), 'identity');
    assert.equal(commitFailure('fatal: no email was given and auto-detection is disabled'), 'identity');
    assert.equal(commitFailure('error: gpg failed to sign the data\nfatal: failed to write commit object'), 'signing');
    assert.equal(
      commitFailure(
        "error: Couldn't load public key /x: No such file or directory\n\nfatal: failed to write commit object",
      ),
      'signing',
    );
    assert.equal(
      commitFailure('error: cannot run /nowhere/gpg: No such file or directory\nerror: gpg failed to sign the data'),
      'signing',
    );
    assert.equal(commitFailure('On branch x\nnothing to commit, working tree clean'), 'nothing');
    assert.equal(commitFailure('fatal: sha1 file write error: No space left on device'), 'disk_full');
    assert.equal(commitFailure('eslint: 3 problems'), 'other');
  });

  it('people are shown the end of it, without hints and progress', () => {
    const text =
      'Enumerating objects: 3, done.\rremote: Counting objects: 100% (3/3)\nremote: no\nhint: Updates were rejected\nfatal: it failed\n\n';
    assert.equal(detailOf(text), 'remote: no\nfatal: it failed');
    assert.equal(detailOf('a\nb\nc', 2), 'b\nc');
  });
});

describe('git: reading and composing', () => {
  it('a status names paths with blanks, renames and repositories within', () => {
    const status = parseStatus(
      [
        '# branch.oid 1111111111111111111111111111111111111111',
        '# branch.head amp/x y',
        '# branch.upstream origin/amp/x',
        '1 .M N... 100644 100644 100644 aaaa bbbb with blank.txt',
        '1 A. S... 000000 160000 160000 aaaa bbbb nested',
        '2 R. N... 100644 100644 100644 aaaa bbbb R100 new name',
        'old name',
        'u UU N... 100644 100644 100644 100644 aaaa bbbb cccc both.txt',
        '? dir/nested/',
        '! ignored',
        '',
      ].join('\0'),
    );
    assert.equal(status.branch, 'amp/x y');
    assert.equal(status.upstream, 'origin/amp/x');
    assert.deepEqual(
      status.entries.map(({ path, kind, staged, added, gitlink }) => [path, kind, staged, added, gitlink]),
      [
        ['with blank.txt', 'changed', false, false, false],
        ['nested', 'changed', true, true, true],
        ['new name', 'changed', true, false, false],
        ['both.txt', 'unmerged', true, false, false],
        ['dir/nested/', 'untracked', false, true, false],
      ],
    );
    assert.deepEqual(parseStatus('# branch.oid (initial)\0# branch.head (detached)\0'), {
      oid: '',
      branch: null,
      upstream: null,
      entries: [],
    });
  });

  it('changed files come with what became of them, and with their lines', () => {
    const raw = (letter: string): string => `:100644 100644 1234567 89abcde ${letter}`;
    const output = [
      ...[raw('A'), 'new', raw('M'), 'a\tb', raw('D'), 'gone', raw('T'), 'link'],
      ...[raw('R087'), 'from', 'to', raw('C075'), 'src', 'copy', raw('M'), 'picture'],
      ...['12\t0\tnew', '3\t4\ta\tb', '0\t7\tgone', '1\t1\tlink'],
      ...['2\t1\t', 'from', 'to', '5\t0\t', 'src', 'copy', '-\t-\tpicture', ''],
    ];
    const lines = (added: number, deleted: number) => ({ lines: { added, deleted } });
    assert.deepEqual(parseChanges(output.join('\0')), [
      { path: 'new', oldPath: null, status: 'added', ...lines(12, 0) },
      { path: 'a\tb', oldPath: null, status: 'modified', ...lines(3, 4) },
      { path: 'gone', oldPath: null, status: 'deleted', ...lines(0, 7) },
      { path: 'link', oldPath: null, status: 'modified', ...lines(1, 1) },
      { path: 'to', oldPath: 'from', status: 'renamed', ...lines(2, 1) },
      { path: 'copy', oldPath: null, status: 'added', ...lines(5, 0) },
      { path: 'picture', oldPath: null, status: 'modified', lines: null },
    ]);
    assert.deepEqual(parseChanges(''), []);
  });

  it('settings with dots, capitals and several values', () => {
    const settings = parseSettings(
      'remote.My.Fork.url\nfirst\0remote.My.Fork.url\nsecond\0branch.feature/a.b.remote\nMy.Fork\0core.hookspath\n.husky/_\0commit.gpgsign\0',
    );
    assert.equal(settings.remotes.get('My.Fork'), 'first');
    assert.equal(settings.upstreams.get('feature/a.b'), 'My.Fork');
    assert.equal(settings.hooksPath, '.husky/_');
    assert.equal(settings.signs, true);
  });

  it('the environment cannot ask, and cannot lead elsewhere', () => {
    const env = gitEnvironment({
      PATH: '/bin',
      HOME: '/h',
      GIT_DIR: '/x',
      GIT_INDEX_FILE: '/y',
      EDITOR: 'vi',
      GIT_ASKPASS: 'pop-up',
      https_proxy: 'p',
      GIT_SSL_CAINFO: '/ca',
      SSH_AUTH_SOCK: '/s',
      LC_ALL: 'de_DE',
    });
    assert.deepEqual([env.GIT_DIR, env.GIT_INDEX_FILE, env.EDITOR], [undefined, undefined, undefined]);
    assert.deepEqual([env.GIT_ASKPASS, env.GIT_TERMINAL_PROMPT, env.LC_ALL], ['', '0', 'C']);
    assert.deepEqual([env.https_proxy, env.GIT_SSL_CAINFO, env.SSH_AUTH_SOCK], ['p', '/ca', '/s']);
    assert.match(env.GIT_SSH_COMMAND!, /^ssh -o BatchMode=yes/);
    assert.equal(gitEnvironment({ GIT_SSH_COMMAND: 'ssh -i k' }).GIT_SSH_COMMAND, 'ssh -i k');
    assert.equal(gitEnvironment({ GIT_SSH: '/usr/bin/plink' }).GIT_SSH_COMMAND, undefined);
    assert.match(sshCommandFor('/usr/bin/ssh -i k'), /-i k -o BatchMode=yes/);
    assert.equal(sshCommandFor('plink -batch'), 'plink -batch');
  });

  it('patterns choose as .gitignore would', () => {
    const chosen = (path: string, ...lines: string[]): boolean => isChosen(path, false, parsePatterns(lines));
    assert.ok(chosen('.env', '.env*') && chosen('a/b/.env.local', '.env*'));
    assert.ok(!chosen('a.env', '.env*') && !chosen('.env', '# .env'));
    assert.ok(
      chosen('conf/a.key', '/conf/*.key') &&
        !chosen('x/conf/a.key', '/conf/*.key') &&
        !chosen('conf/x/a.key', '/conf/*.key'),
    );
    assert.ok(
      chosen('a/b/c/x.pem', '**/x.pem') && chosen('a/x.pem', 'a/**/x.pem') && chosen('a/b/x.pem', 'a/**/x.pem'),
    );
    assert.ok(chosen('dir/file', 'dir/') && chosen('dir/file', 'dir/**') && !chosen('dir', 'dir/'));
    assert.ok(!chosen('.env.example', '.env*', '!.env.example') && chosen('.env', '.env*', '!.env.example'));
    assert.ok(
      chosen('a1', 'a[0-9]') && !chosen('ab', 'a[!a-z]') && chosen('[x]', '\\[x\\]') && chosen('a b', 'a b   '),
    );
    assert.ok(chosen('a+b(c)', 'a+b(c)') && !chosen('a/b', 'a?b'));
    assert.ok(reachesInto('.vscode', parsePatterns(['.vscode/settings.json'])));
    assert.ok(
      reachesInto('a/b', parsePatterns(['/a/b/c/*.x'])) &&
        !reachesInto('node_modules', parsePatterns(['.env*', '/conf/x'])),
    );
  });
});
