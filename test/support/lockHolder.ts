/** Takes a lock in another process, says so, and keeps it until its stdin closes. */
import { once } from 'node:events';
import { withLock } from '../../src/adapters/git/lock.ts';

const [path] = process.argv.slice(2);
await withLock(path!, async () => {
  process.stdout.write('held\n');
  process.stdin.resume();
  await once(process.stdin, 'end');
});
