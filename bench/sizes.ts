/** What the editor loads at once, and what people download. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import type { Row } from './table.ts';

const root = path.resolve(import.meta.dirname, '..');
const BUNDLE = 250 * 1024;
const PACKAGE = 4 * 1024 * 1024;

interface Meta {
  outputs: Record<string, { bytes: number; imports: { path: string; kind: string; external?: boolean }[] }>;
}

/** Bytes of a bundle and of all it imports before anything lazy. */
function eagerBytes(entry: string): number {
  const { outputs } = JSON.parse(fs.readFileSync(path.join(root, 'dist/meta.json'), 'utf8')) as Meta;
  const seen = new Set<string>();
  const visit = (file: string): void => {
    if (seen.has(file)) return;
    seen.add(file);
    for (const it of outputs[file]!.imports) if (!it.external && it.kind !== 'dynamic-import') visit(it.path);
  };
  visit(entry);
  return [...seen].reduce((sum, file) => sum + outputs[file]!.bytes, 0);
}

export function sizes(): Row[] {
  const packed = spawnSync(process.execPath, ['scripts/package.ts', '--no-build'], { cwd: root, encoding: 'utf8' });
  if (packed.status !== 0) throw new Error(`the package could not be made: ${packed.stderr}`);
  const bundle = eagerBytes('dist/extension.js');
  const { size } = fs.statSync(path.join(root, `dist/ampa-${process.platform}-${process.arch}.vsix`));
  const none = { theirs: '', ratio: '' };
  return [
    {
      what: 'extension before lazy parts, KB',
      ours: (bundle / 1024).toFixed(0),
      ...none,
      budget: '250',
      ok: bundle <= BUNDLE,
    },
    { what: '.vsix, MB', ours: (size / 1024 / 1024).toFixed(2), ...none, budget: '4', ok: size <= PACKAGE },
  ];
}
