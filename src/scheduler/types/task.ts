import * as z from 'zod';
import type { CommandType } from '../ports.ts';

const metadata = z.looseObject({
  prompt: z.string().trim().min(1),
  agent: z.string().optional(),
  base: z.string().optional(),
});

/** Records a background task; skipped while the one before it is still active. */
export const taskType: CommandType = {
  metadata,
  async run({ spec, previousTask, isTaskActive, startTask, say }) {
    const wanted = metadata.safeParse(spec.metadata);
    if (!wanted.success) {
      say('The metadata of a task names its prompt: {"prompt": "…", "agent": "…", "base": "…"}.\n');
      return { status: 'failed', exit_code: 2 };
    }
    if (previousTask !== null && (await isTaskActive(previousTask))) {
      say(`Task ${previousTask} of the last run is still active.\n`);
      return { status: 'skipped', exit_code: null };
    }
    const { prompt, agent, base } = wanted.data;
    const task = await startTask({ prompt, agent, base });
    say(`Task ${task.id} created on branch ${task.branch}\n`);
    return { status: 'succeeded', exit_code: 0 };
  },
};
