/**
 * Type checks every program of the project: Node's code, the browser-driving tests (DOM types) and
 * the webview pages (DOM and JSX).
 */
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '..');
const projects = ['.', 'test/e2e', 'test/pages', 'src/webview/page'].filter((dir) =>
  fs.existsSync(path.join(root, dir, 'tsconfig.json')),
);

const codes = await Promise.all(
  projects.map(
    (project) =>
      new Promise<number>((resolve, reject) => {
        spawn('tsc', ['-p', project], { cwd: root, stdio: 'inherit' })
          .once('error', reject)
          .once('close', (code) => resolve(code ?? 1));
      }),
  ),
);
process.exitCode = Math.max(...codes);
