/** `npm run generate`: writes what package.json, package.nls.json, the README and the schema of fallback rules take from the sources. */
import fs from 'node:fs';
import path from 'node:path';
import { contributions } from '../src/vscode/contributes.ts';
import { fallbackJsonSchema } from '../src/conversations/fallback.ts';
import { withGeneratedSections } from './readme.ts';

const root = path.resolve(import.meta.dirname, '..');
const file = path.join(root, 'package.json');
const { manifest, nls } = contributions();
const current = JSON.parse(fs.readFileSync(file, 'utf8')) as Record<string, unknown>;

/** Generated keys stand behind `main`; the others keep their order. */
const kept = Object.entries(current).filter(([key]) => !(key in manifest));
const after = kept.findIndex(([key]) => key === 'main') + 1;
const next = Object.fromEntries([...kept.slice(0, after), ...Object.entries(manifest), ...kept.slice(after)]);
fs.writeFileSync(file, `${JSON.stringify(next, null, 2)}\n`);
fs.writeFileSync(path.join(root, 'package.nls.json'), `${JSON.stringify(nls, null, 2)}\n`);

const readme = path.join(root, 'README.md');
fs.writeFileSync(readme, withGeneratedSections(fs.readFileSync(readme, 'utf8')));

const schema = path.join(root, 'media', 'fallback_config.schema.json');
fs.writeFileSync(schema, `${JSON.stringify(fallbackJsonSchema(), null, 2)}\n`);
