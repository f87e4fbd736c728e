/**
 * Packs the extension for one platform: `npm run package -- [--target linux-x64] [--no-build]`
 * writes dist/ampa-TARGET.vsix, with only that platform's SQLite, and fails above the size budget.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { nativeTarget } from '../src/adapters/sqlite/native.ts';

const MAX_BYTES = 4 * 1024 * 1024;
const root = path.resolve(import.meta.dirname, '..');
const native = path.join(root, 'dist/native');
const prebuilds = path.join(root, 'node_modules/better-sqlite3/prebuilds');

const { values } = parseArgs({
  options: {
    target: { type: 'string', default: `${process.platform}-${process.arch}` },
    'no-build': { type: 'boolean', default: false },
  },
});

/** VS Code says `alpine` for Linux with musl. */
function binaryFor(target: string): string {
  const [os = '', arch = ''] = target.split('-');
  return `${nativeTarget(os === 'alpine' ? 'linux' : os, arch, os === 'alpine')}.node`;
}

function run(program: string, args: string[]): void {
  const result = spawnSync(program, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  if (result.error) throw result.error;
  if (result.status !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${result.status ?? result.signal}`);
}

const binary = binaryFor(values.target);
if (!fs.existsSync(path.join(prebuilds, binary))) throw new Error(`SQLite has no binary for ${values.target}`);
if (!values['no-build']) run(process.execPath, ['esbuild.mjs']);

// Only what does not belong is moved: a running host may have its own binary open.
const kept = fs.readdirSync(native).filter((name) => name !== binary);
const aside = fs.mkdtempSync(path.join(root, 'dist/aside-'));
const missing = !fs.existsSync(path.join(native, binary));
const vsix = path.join(root, `dist/ampa-${values.target}.vsix`);
try {
  for (const name of kept) fs.renameSync(path.join(native, name), path.join(aside, name));
  if (missing) fs.copyFileSync(path.join(prebuilds, binary), path.join(native, binary));
  run('vsce', [
    'package',
    ...['--target', values.target],
    ...['--out', vsix],
    '--no-dependencies',
    '--allow-missing-repository',
    '--no-rewrite-relative-links',
  ]);
} finally {
  if (missing) fs.rmSync(path.join(native, binary), { force: true });
  for (const name of kept) fs.renameSync(path.join(aside, name), path.join(native, name));
  fs.rmSync(aside, { recursive: true });
}
const { size } = fs.statSync(vsix);
console.log(`${path.relative(root, vsix)} ${(size / 1024 / 1024).toFixed(2)} MB`);
if (size > MAX_BYTES) throw new Error(`the package is larger than ${MAX_BYTES / 1024 / 1024} MB`);
