import assert from 'node:assert/strict';
import { doctorPage } from '../../src/vscode/doctorPage.ts';

const ok = (name: string, detail: string) => ({ name, ok: true, detail, fix: null });

describe('The page of the setup check', () => {
  it('shows what needs attention first, with its fix, each check a row', () => {
    const bad = { name: 'agents', ok: false, detail: 'none on PATH', fix: 'Install one: npm install -g x' };
    const text = doctorPage('/home/me/shop', [ok('git', '2.39.5'), bad]);
    assert.match(text, /1 of 2 checks needs attention\./);
    const rows = text.split('\n').filter((line) => /^\| [✓✗]/.test(line));
    assert.deepEqual(rows, [
      '| ✗ | **Agents** | none on PATH<br>→ Install one: npm install \\-g x |',
      '| ✓ | **Git** | 2.39.5 |',
    ]);
  });

  it('keeps texts of others within their row', () => {
    const text = doctorPage('/x', [ok('database', 'a | b\n# c')]);
    assert.match(text, /\*\*Database\*\* \| a \\\| b<br>\\# c \|$/m);
    assert.match(text, /Everything a task needs is there\./);
  });
});
