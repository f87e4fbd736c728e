import * as z from 'zod';
import type { CommandType } from '../ports.ts';
import { endOf } from './shell.ts';

/** What `wl` may take. */
export const SYNC_TIMEOUT_MS = 300_000;

/** The arguments of `wl`, without the repository. */
export const SYNC_ARGUMENTS = {
  import: ['github', 'import', '--create-new'],
  push: ['github', 'push'],
} as const;

const sync = (which: keyof typeof SYNC_ARGUMENTS): CommandType => ({
  metadata: z.looseObject({}),
  async run({ program, githubRepo }) {
    const argv = ['wl', ...SYNC_ARGUMENTS[which], '--repo', await githubRepo()];
    return endOf(await program(argv, SYNC_TIMEOUT_MS));
  },
});

/** Takes the issues of the worklog's repository over. */
export const importType = sync('import');
/** Brings the worklog's items to its repository. */
export const pushType = sync('push');
