/**
 * Who may import whom: the house rules of CONTRIBUTING, held over every file of src/. Imports are
 * read with a real parser (types included: `import type` and `import('x').Y` count), since a rule
 * that is checked on text alone misses what it should see.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { parseSync } from 'oxc-parser';

const src = path.resolve(import.meta.dirname, '../../src');
const DOMAIN = ['tasks', 'scheduler', 'conversations', 'notifications', 'delegation', 'supervision'];

interface Import {
  /** Relative to src/, with forward slashes. */
  from: string;
  /** `src:tasks/task.ts` for a file of ours, else the package or `node:` name. */
  to: string;
}

/** Every module that a text names, in whatever way: import, export from, import(), require, import type. */
export function specifiers(file: string, text: string): string[] {
  const { program, errors } = parseSync(file, text);
  assert.deepEqual(errors, [], `${file} does not parse`);
  const found: string[] = [];
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) return value.forEach(visit);
    if (typeof value !== 'object' || value === null) return;
    const node = value as Record<string, unknown>;
    const named: Record<string, unknown> = {
      ImportDeclaration: node['source'],
      ExportAllDeclaration: node['source'],
      ExportNamedDeclaration: node['source'],
      ImportExpression: node['source'],
      TSImportType: node['source'] ?? node['argument'],
      TSExternalModuleReference: node['expression'],
      CallExpression: required(node),
    };
    const source = named[String(node['type'])];
    if (source) found.push(literal(source) ?? `(computed in ${file})`);
    Object.values(node).forEach(visit);
  };
  visit(program);
  return found;
}

/** The argument of `require(x)`. With more arguments it is a function of ours that has this name. */
function required(call: Record<string, unknown>): unknown {
  const { name } = (call['callee'] ?? {}) as { name?: string };
  const given = (call['arguments'] ?? []) as unknown[];
  return name === 'require' && given.length === 1 ? given[0] : undefined;
}

function literal(node: unknown): string | undefined {
  const it = node as { type?: string; value?: unknown; literal?: unknown; quasis?: { value: { cooked: string } }[] };
  if (it.type === 'TSLiteralType') return literal(it.literal);
  if (it.type === 'TemplateLiteral' && it.quasis?.length === 1) return it.quasis[0]?.value.cooked;
  return typeof it.value === 'string' ? it.value : undefined;
}

function allImports(): Import[] {
  const files = fs
    .readdirSync(src, { recursive: true, encoding: 'utf8' })
    .map((file) => file.split(path.sep).join('/'))
    .filter((file) => /\.tsx?$/.test(file));
  return files.flatMap((from) =>
    specifiers(from, fs.readFileSync(path.join(src, from), 'utf8')).map((name) => ({
      from,
      to: name.startsWith('.') ? `src:${path.posix.normalize(path.posix.join(path.posix.dirname(from), name))}` : name,
    })),
  );
}

/** The room of a file: `tasks`, `adapters/git`, `webview/page`; files of src/ itself have none. */
function room(file: string): string {
  const [first = '', second = '', third] = file.split('/');
  if (first === 'adapters') return `adapters/${second}`;
  if (first === 'webview' && second === 'page' && third) return 'webview/page';
  return file.includes('/') ? first : '';
}

const target = (to: string): string | null => (to.startsWith('src:') ? to.slice(4) : null);
const packageOf = (to: string): string =>
  to
    .split('/')
    .slice(0, to.startsWith('@') ? 2 : 1)
    .join('/');

/** Why an import is not allowed, or null. */
export function breach({ from, to }: Import): string | null {
  const here = room(from);
  const file = target(to);
  const there = file === null ? null : room(file);
  const one = (...rooms: string[]): boolean => there !== null && rooms.includes(there);
  const ours = (...rooms: string[]): boolean => file === 'errors.ts' || one(here, ...rooms);

  if (to.startsWith('(computed')) return 'the name of a module is a literal, so that it can be checked';
  // Hosts say the version of the package.
  if (file === '../package.json' && (here === 'cli' || here === 'vscode')) return null;
  if (file?.startsWith('../')) return 'nothing outside src/ is imported';
  if (to === 'vscode') return here === 'vscode' ? null : 'only src/vscode imports vscode';
  // Reads cron expressions, and does no I/O.
  if (here === 'scheduler' && to === 'cron-parser') return null;
  if (DOMAIN.includes(here)) {
    return ours(...DOMAIN) || to === 'zod' ? null : 'a domain folder imports domain folders, zod and errors.ts';
  }
  if (there?.startsWith('adapters/') && here !== 'app' && here !== there) {
    const adapterOnProcess = here.startsWith('adapters/') && there === 'adapters/process';
    if (!adapterOnProcess) return 'only src/app imports adapters; an adapter imports no other but process';
  }
  if (here.startsWith('adapters/')) {
    return file === null || ours(...DOMAIN, 'config', 'adapters/process') ? null : 'an adapter knows only ports';
  }
  if (here === 'webview/page') {
    const allowed = ['preact', 'marked', 'dompurify', '@vscode/codicons'];
    const styles = file?.endsWith('.css') === true;
    return (file === null ? allowed.includes(packageOf(to)) : styles || ours('webview', ...DOMAIN))
      ? null
      : 'a page imports its protocol, domain types, preact, marked and dompurify';
  }
  if (here === 'webview') {
    return ours(...DOMAIN) || to === 'zod' ? null : 'the protocol of the pages imports domain types and zod';
  }
  if (here === 'config') {
    return file === null || ours(...DOMAIN) ? null : 'config knows no host, no app and no adapter';
  }
  if (here === 'app') {
    return one('cli', 'vscode', 'webview', 'webview/page') ? 'the app knows no host' : null;
  }
  if (here === 'cli' || here === 'vscode') {
    if (one(here === 'cli' ? 'vscode' : 'cli', 'webview/page')) return 'a host imports no other host and no page';
    if (here === 'cli' && one('webview')) return 'the terminal has no webview';
    return null;
  }
  if (here === '')
    return file === null || !one(...DOMAIN, 'app', 'cli', 'vscode') ? null : 'shared files import no room';
  return `src/${here} is no room of the house; name it in this test and in CONTRIBUTING`;
}

describe('Who may import whom', () => {
  it('holds for every file of src', () => {
    const imports = allImports();
    assert.ok(imports.length > 5, 'the walk found the sources');
    const broken = imports.flatMap((it) => {
      const why = breach(it);
      return why === null ? [] : [`${it.from} imports ${it.to}: ${why}`];
    });
    assert.deepEqual(broken, []);
  });

  it('names files that exist', () => {
    const missing = allImports().filter(({ to }) => {
      const file = target(to);
      return file !== null && !fs.existsSync(path.join(src, file));
    });
    assert.deepEqual(missing, []);
  });

  it('sees every way to name a module', () => {
    const text = `
      import type { A } from 'a'; import 'b'; export * from 'c'; export type { D } from 'd';
      const e: typeof import('e') = await import('f'); let g: import('g').G; const h = require('h');
      const i = \`\${await import(\`i\`)}\`; // import 'no'
      const no = "import 'no'"; const re = /import 'no'/;`;
    assert.deepEqual(specifiers('x.ts', text).toSorted(), ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i']);
  });

  const cases: [from: string, to: string, allowed: boolean][] = [
    ['tasks/loop.ts', 'src:conversations/prompt.ts', true],
    ['tasks/loop.ts', 'zod', true],
    ['tasks/loop.ts', 'src:errors.ts', true],
    ['tasks/loop.ts', 'node:fs', false],
    ['tasks/loop.ts', 'ulid', false],
    ['tasks/loop.ts', 'cron-parser', false],
    ['scheduler/cron.ts', 'cron-parser', true],
    ['tasks/loop.ts', 'src:config/knobs.ts', false],
    ['tasks/loop.ts', 'src:adapters/git/git.ts', false],
    ['adapters/git/git.ts', 'src:adapters/process/spawn.ts', true],
    ['adapters/git/git.ts', 'src:adapters/files/logs.ts', false],
    ['adapters/git/git.ts', 'src:tasks/ports.ts', true],
    ['adapters/git/git.ts', 'src:app/app.ts', false],
    ['adapters/process/spawn.ts', 'node:child_process', true],
    ['app/app.ts', 'src:adapters/git/git.ts', true],
    ['app/app.ts', 'vscode', false],
    ['app/app.ts', 'src:cli/main.ts', false],
    ['cli/main.ts', 'src:app/app.ts', true],
    ['cli/main.ts', 'src:adapters/sqlite/store.ts', false],
    ['cli/main.ts', 'vscode', false],
    ['cli/main.ts', 'src:../package.json', true],
    ['cli/main.ts', 'src:../test/support.ts', false],
    ['vscode/tree.ts', 'vscode', true],
    ['vscode/tree.ts', 'src:webview/protocol.ts', true],
    ['vscode/tree.ts', 'src:cli/output.ts', false],
    ['webview/protocol.ts', 'src:tasks/task.ts', true],
    ['webview/page/task.tsx', 'preact/hooks', true],
    ['webview/page/parts/log.tsx', 'src:webview/protocol.ts', true],
    ['webview/page/task.tsx', 'src:app/app.ts', false],
    ['webview/page/task.tsx', 'zod', false],
    ['webview/page/task.tsx', 'vscode', false],
    ['config/knobs.ts', 'zod', true],
    ['config/knobs.ts', 'src:app/app.ts', false],
    ['misc/thing.ts', 'node:fs', false],
  ];
  for (const [from, to, allowed] of cases) {
    it(`${allowed ? 'lets' : 'does not let'} ${from} import ${to}`, () => {
      const why = breach({ from, to });
      assert.equal(why === null, allowed, why ?? 'it was allowed');
    });
  }
});
