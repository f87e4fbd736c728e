/** A parent that starts a program and is still recording it: killed there, it must leave nothing behind. */
import { writeFileSync } from 'node:fs';
import { createTaskProcesses } from '../../src/adapters/process/taskProcesses.ts';

const [folder] = process.argv.slice(2);
const processes = createTaskProcesses({
  owner: 'held',
  baseEnv: process.env as Record<string, string>,
  ledger: {
    record: async (entry) => {
      writeFileSync(`${folder}/recording`, JSON.stringify(entry));
      await new Promise(() => setInterval(() => {}, 1000));
    },
    forget: async () => {},
  },
});
await processes.run({ kind: 'agent', command: { shell: `touch ${folder}/acted` }, cwd: folder! });
